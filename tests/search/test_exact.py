"""Exact search against numpy's full sort."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrina.embedding.npz_reader import memory_map
from vitrina.index.rows import product_vectors
from vitrina.search.exact import ExactIndex, highest
from vitrina.search.index import Kind, Query

KINDS: tuple[Kind, ...] = ("text", "img", "product")


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(lengths, 1e-9)).astype(np.float32)


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(0, 60),
    different=st.integers(1, 12),
    dim=st.integers(1, 20),
    k=st.integers(1, 70),
    chunk_rows=st.integers(1, 17),
    kind=st.sampled_from(["text", "img", "product"]),
    weight=st.sampled_from([0.0, 0.3, 1.0]),
    filtered=st.booleans(),
)
def test_it_equals_a_full_sort(
    seed: int,
    rows: int,
    different: int,
    dim: int,
    k: int,
    chunk_rows: int,
    kind: Kind,
    weight: float,
    filtered: bool,
) -> None:
    """Whatever the chunks, the filter and the number of equal rows: highest first, then by row."""
    rng = np.random.default_rng(seed)
    distinct = unit(rng.standard_normal((different, dim)))
    text, img = (distinct[rng.integers(0, different, rows)] for _ in range(2))
    among = rng.random(rows) < 0.5 if filtered else None
    query = Query(kind, unit(rng.standard_normal((1, dim)))[0])
    found = ExactIndex({"text": text, "img": img}, weight, chunk_rows).nearest(query, k, among)

    stored = {"text": text, "img": img, "product": product_vectors(text, img, weight)}
    scores = stored[kind] @ query.vector
    allowed = np.flatnonzero(among) if among is not None else np.arange(rows)
    np.testing.assert_allclose(found.scores, np.sort(scores[allowed])[::-1][:k], atol=1e-5)
    np.testing.assert_allclose(found.scores, scores[found.rows], atol=1e-5)
    assert len(set(found.rows.tolist())) == len(found.rows)
    order = np.lexsort((found.rows, -found.scores))
    assert order.tolist() == list(range(len(order))), "highest first, then by row"


def test_equal_rows_tie_wherever_they_stand() -> None:
    """A thousand copies of one vector are found in the order of the table."""
    vector = unit(np.random.default_rng(0).standard_normal((1, 512)))
    copies = np.repeat(vector, 1_001, axis=0)
    index = ExactIndex({"text": copies, "img": copies}, chunk_rows=64)
    for kind in KINDS:
        found = index.nearest(Query(kind, vector[0]), 1_001)
        assert found.rows.tolist() == list(range(1_001))
        assert len(set(found.scores.tolist())) == 1


def test_scores_are_cosines_to_float32() -> None:
    """Against float64."""
    rng = np.random.default_rng(1)
    text, query = unit(rng.standard_normal((500, 512))), unit(rng.standard_normal((1, 512)))[0]
    found = ExactIndex({"text": text, "img": text}).nearest(Query("text", query), 500)
    exact = text.astype(np.float64) @ query.astype(np.float64)
    np.testing.assert_allclose(found.scores, exact[found.rows], atol=1e-6)


def test_vectors_of_a_file_are_read_in_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is copied at a time is a chunk, also where a filter leaves few rows."""
    rng = np.random.default_rng(2)
    text = unit(rng.standard_normal((1_000, 8)))
    np.savez(tmp_path / "x.npz", text=text, img=text)
    stored = memory_map(tmp_path / "x.npz", "text")
    copied: list[int] = []
    copy = np.copyto

    def counted(target: np.ndarray, values: np.ndarray) -> None:
        copied.append(len(values))
        copy(target, values)

    among = np.zeros(1_000, np.bool_)
    among[[5, 500, 501]] = True
    index = ExactIndex({"text": stored, "img": stored}, chunk_rows=100)
    monkeypatch.setattr("vitrina.search.exact.np.copyto", counted)
    index.nearest(Query("text", text[0]), 5)
    assert copied == [100] * 10
    copied.clear()
    assert sorted(index.nearest(Query("text", text[0]), 5, among).rows.tolist()) == [5, 500, 501]
    assert copied == [1, 2]


def test_highest_keeps_all_when_there_are_few() -> None:
    """Fewer rows than asked for."""
    rows, scores = np.array([3, 7]), np.array([0.1, 0.2], np.float32)
    assert highest(rows, scores, 10).rows.tolist() == [7, 3]
