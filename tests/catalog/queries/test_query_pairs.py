"""Pairs of queries and rows, their grades, and which queries are held out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vitrina.catalog.queries.query_pairs import grades, is_test_query, read_query_pairs
from vitrina.config.queries import QueryUseConfig
from vitrina.store.paths import to_path

USE = QueryUseConfig()


@pytest.fixture
def cleaned(tmp_path: Path) -> Path:
    """A cleaned table of queries."""
    table = pd.DataFrame(
        {"query": ["а", "а", "б", "в"], "nm": ["1", "30", "2", "99"], "weight": [1.0, 3, 7, 1]}
    )
    table.to_parquet(tmp_path / "queries.parquet")
    return tmp_path / "queries.parquet"


def test_pairs_point_to_the_rows_of_the_table(cleaned: Path) -> None:
    """By id, whatever the order of the rows and the type of the ids; unknown ones are left out."""
    pairs = read_query_pairs(to_path(cleaned), [2, 30, 5, 1], USE)
    assert pairs.texts == ["а", "б"]
    found = sorted(zip(pairs.query.tolist(), pairs.row.tolist(), pairs.grade.tolist(), strict=True))
    assert found == [(0, 1, 2.0), (0, 3, 1.0), (1, 0, 3.0)]
    assert len(pairs) == 3


def test_a_part_has_some_queries_with_some_rows(cleaned: Path) -> None:
    """Texts keep their numbers."""
    pairs = read_query_pairs(to_path(cleaned), ["2", "30", "5", "1"], USE)
    part = pairs.part(np.array([True, False]), np.array([True, True, False, False]))
    assert (part.texts, part.query.tolist(), part.row.tolist()) == (["а", "б"], [0], [1])


def test_weights_count_as_chosen() -> None:
    """The logarithm of 1, 3 and 7 clicks is 1, 2 and 3."""
    weight = np.array([1.0, 3, 7])
    for name, expected in (("log", [1, 2, 3]), ("linear", [1, 3, 7]), ("equal", [1, 1, 1])):
        use = USE.model_copy(update={"query_weights": name})
        assert grades(weight, use).tolist() == expected


def test_a_query_is_held_out_by_its_text_alone() -> None:
    """In about the wanted fraction, whatever other queries there are, and another one by seed."""
    texts = [f"запрос {number}" for number in range(2_000)]
    held_out = is_test_query(texts, USE, 0)
    assert held_out.mean() == pytest.approx(0.2, abs=0.03)
    assert np.array_equal(is_test_query(texts[::-1], USE, 0), held_out[::-1])
    assert np.array_equal(is_test_query(texts[:10], USE, 0), held_out[:10])
    assert not np.array_equal(is_test_query(texts, USE, 1), held_out)
