"""Ranks of the listings that were chosen for queries, against plain sorting."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.vectors import unit
from vitrina.catalog.queries.query_pairs import QueryPairs, no_pairs
from vitrina.evaluation.query_ranks import RankedQueries, listing_vectors, query_figures


def ranked(
    relevant: list[dict[int, float]], ignored: list[list[int]] | None = None
) -> RankedQueries:
    """Queries with their relevant listings and grades; others of theirs are ignored."""
    texts = [f"запрос {number}" for number in range(len(relevant))]
    pairs = [(q, row, grade) for q, rows in enumerate(relevant) for row, grade in rows.items()]
    query, row, grade = (np.array(column) for column in zip(*pairs, strict=True))
    found = QueryPairs(texts, query, row, grade.astype(float))
    if ignored is None:
        return RankedQueries(found, no_pairs(texts))
    others = [(q, row) for q, rows in enumerate(ignored) for row in rows]
    skip, skipped = np.array(others, dtype=np.int64).reshape(-1, 2).T
    return RankedQueries(found, QueryPairs(texts, skip, skipped, np.ones(len(skip))))


def plain(scores: np.ndarray, grades: dict[int, float]) -> dict[str, float]:
    """One query's figures by sorting, averaged over every order that tied scores allow."""
    orders = [
        order
        for order in itertools.permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))
    ]
    ranks, hits, gains = [], [], []
    for order in orders:
        places = [order.index(row) + 1 for row in grades]
        ranks.append(min(places))
        hits.append(min(places) <= 5)
        gains.append(
            sum(
                grade / math.log2(place + 1)
                for place, grade in zip(places, grades.values(), strict=True)
                if place <= 10
            )
        )
    best = sorted(grades.values(), reverse=True)[:10]
    ideal = sum(grade / math.log2(place + 1) for place, grade in enumerate(best, start=1))
    return {
        "rank": float(np.mean(ranks)),
        "recall_at_5": float(np.mean(hits)),
        "ndcg_at_10": float(np.mean(gains)) / ideal,
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 7), st.integers(0, 10_000))
def test_figures_are_those_of_sorting_also_with_ties(listings: int, seed: int) -> None:
    """Rank of the first relevant listing, recall, and nDCG with grades, for few vectors."""
    random = np.random.default_rng(seed)
    axes = np.eye(4, dtype=np.float32)
    gallery = unit(axes[random.integers(0, 4, listings)] + axes[random.integers(0, 4, listings)])
    query = unit(axes[random.integers(0, 4, 3)] + 0.5 * axes[random.integers(0, 4, 3)])
    relevant = [
        {
            int(row): float(random.integers(1, 4))
            for row in random.permutation(listings)[: random.integers(1, listings + 1)]
        }
        for _ in range(3)
    ]
    found = query_figures(query, gallery, ranked(relevant), "of")
    for number, grades in enumerate(relevant):
        expected = plain((query[number] @ gallery.T).round(5), grades)
        for name, value in expected.items():
            assert found[f"of_{name}"][number] == pytest.approx(value, abs=1e-6), name


def test_many_queries_in_blocks_are_ranked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a block changes nothing; texts stand beside the figures."""
    random = np.random.default_rng(0)
    gallery, query = (unit(random.standard_normal((size, 8))) for size in (60, 25))
    relevant = [{int(row): 1.0 for row in random.permutation(60)[:4]} for _ in range(25)]
    whole = query_figures(query, gallery, ranked(relevant), "of")
    assert whole["query"].tolist() == [f"запрос {number}" for number in range(25)]
    monkeypatch.setattr("vitrina.evaluation.query_ranks.BLOCK", 7)
    pd.testing.assert_frame_equal(query_figures(query, gallery, ranked(relevant), "of"), whole)


def test_ignored_listings_stand_in_nobodys_way() -> None:
    """A listing that was trained on comes before the unseen one, and is left out."""
    gallery = unit(np.array([[1, 0.0], [1, 0.1], [0, 1]]))
    query = unit(np.array([[1, 0.0]]))
    assert query_figures(query, gallery, ranked([{1: 1.0}]), "of")["of_rank"][0] == 2
    found = query_figures(query, gallery, ranked([{1: 1.0}], [[0]]), "of")
    assert (found["of_rank"][0], found["of_ndcg_at_10"][0]) == (1, 1)


def test_a_collapsed_model_ranks_by_chance() -> None:
    """Where all vectors are equal, recall is that of random guesses."""
    same = unit(np.ones((50, 4)))
    found = query_figures(same[:1], same, ranked([{3: 1.0, 4: 2.0}]), "of")
    assert found["of_recall_at_1"][0] == pytest.approx(2 / 50)
    assert found["of_rank"][0] == pytest.approx(51 / 3)


def test_a_listing_is_its_text_its_image_or_the_mean_of_both() -> None:
    """Of unit length; opposite vectors cancel out without a NaN."""
    text, image = unit(np.array([[1, 0], [1, 0]])), unit(np.array([[0, 1], [-1, 0]]))
    assert listing_vectors(text, image, "text") is text
    assert listing_vectors(text, image, "image") is image
    mix = listing_vectors(text, image, "mix")
    assert mix[0] == pytest.approx(np.sqrt([0.5, 0.5]))
    assert np.isfinite(mix).all()
