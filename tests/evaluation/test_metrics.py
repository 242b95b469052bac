"""Retrieval and duplicate metrics against plain, slow references."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.vectors import random_pairs, unit
from vitrina.evaluation.metrics import chance_recall, retrieval_metrics


def slow_metrics(query: np.ndarray, item: np.ndarray, group: np.ndarray) -> dict[str, float]:
    """Recall, rank, MRR and nDCG by sorting each query's scores; only for scores without ties."""
    recalls: dict[int, list[bool]] = {1: [], 5: [], 10: []}
    firsts, ndcgs = [], []
    for row, scores in enumerate(query.astype(np.float64) @ item.T.astype(np.float64)):
        relevant = group[np.argsort(-scores)] == group[row]
        positions = np.flatnonzero(relevant) + 1
        firsts.append(positions[0])
        for k, hits in recalls.items():
            hits.append(bool(relevant[:k].any()))
        gain = sum(1 / math.log2(position + 1) for position in positions if position <= 10)
        ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(positions), 10) + 1))
        ndcgs.append(gain / ideal)
    return {f"recall_at_{k}": float(np.mean(hits)) for k, hits in recalls.items()} | {
        "median_rank": float(np.median(firsts)),
        "geometric_rank": math.exp(float(np.mean(np.log(firsts)))),
        "mrr": float(np.mean(1 / np.array(firsts))),
        "ndcg_at_10": float(np.mean(ndcgs)),
    }


def slow_tied_metrics(scores: np.ndarray, relevant: np.ndarray) -> dict[str, float]:
    """One query's recall and nDCG, averaged over every order that its scores allow."""
    orders = [
        order
        for order in itertools.permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order))
    ]
    recall_1, first, ndcg = [], [], []
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, relevant.sum() + 1))
    for order in orders:
        positions = np.flatnonzero(relevant[list(order)]) + 1
        recall_1.append(positions[0] == 1)
        first.append(positions[0])
        ndcg.append(sum(1 / math.log2(position + 1) for position in positions) / ideal)
    return {
        "recall_at_1": float(np.mean(recall_1)),
        "rank": float(np.mean(first)),
        "ndcg_at_10": float(np.mean(ndcg)),
    }


@pytest.mark.parametrize("groups", [None, 180, 40, 6, 1])
def test_metrics_equal_those_of_a_full_sort(groups: int | None) -> None:
    """Every metric, both ways, is that of sorting all scores, however many items are relevant."""
    image, text = random_pairs(301, 24, seed=1)
    rng = np.random.default_rng(2)
    group = None if groups is None else rng.integers(0, groups, 301) * 7
    metrics = retrieval_metrics(image, text, group)
    own = np.arange(301) if group is None else group
    expected = {"text_to_image": (text, image), "image_to_text": (image, text)}
    for way, (query, item) in expected.items():
        for name, value in slow_metrics(query, item, own).items():
            assert metrics[f"{way}_{name}"] == pytest.approx(value, abs=1e-9), (way, name)
    assert metrics["mean_mrr"] == pytest.approx(
        (metrics["text_to_image_mrr"] + metrics["image_to_text_mrr"]) / 2
    )
    assert metrics["mean_geometric_rank"] ** 2 == pytest.approx(
        metrics["text_to_image_geometric_rank"] * metrics["image_to_text_geometric_rank"]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_ties_count_as_the_mean_of_all_orders(rows: int, seed: int) -> None:
    """With few different vectors, each metric is its mean over every order of the tied items."""
    rng = np.random.default_rng(seed)
    axes = np.eye(4, dtype=np.float32)
    image, text = axes[rng.integers(0, 3, rows)], axes[rng.integers(0, 3, rows)]
    group = rng.integers(0, 3, rows)
    metrics = retrieval_metrics(image, text, group)
    single = [slow_tied_metrics(text[i] @ image.T, group == group[i]) for i in range(rows)]
    for name in ("recall_at_1", "ndcg_at_10"):
        expected = np.mean([one[name] for one in single])
        assert metrics[f"text_to_image_{name}"] == pytest.approx(expected), name
    assert metrics["text_to_image_median_rank"] == pytest.approx(
        np.median([one["rank"] for one in single])
    )


def test_a_collapsed_model_scores_chance() -> None:
    """When all embeddings are equal, recall is that of random guesses, not 1."""
    same = unit(np.ones((200, 16)))
    group = np.arange(200) // 2
    metrics = retrieval_metrics(same, same, group)
    assert metrics["mean_recall_at_1"] == pytest.approx(2 / 200)
    assert metrics["mean_recall_at_1"] == pytest.approx(
        chance_recall(200, group)["chance_recall_at_1"]
    )
    assert metrics["text_to_image_median_rank"] == pytest.approx(201 / 3)
    assert retrieval_metrics(same, same)["mean_recall_at_10"] == pytest.approx(10 / 200)


def test_a_nearly_collapsed_model_scores_chance() -> None:
    """Differences below float32's precision decide nothing."""
    rng = np.random.default_rng(0)
    image, text = (unit(np.ones((500, 64)) + 1e-5 * rng.random((500, 64))) for _ in range(2))
    assert retrieval_metrics(image, text)["mean_recall_at_1"] == pytest.approx(1 / 500, rel=0.05)


def test_random_embeddings_score_about_chance() -> None:
    """Recall of unrelated vectors is within four standard deviations of chance."""
    rng = np.random.default_rng(5)
    image, text = (unit(rng.standard_normal((2_000, 32))) for _ in range(2))
    expected = chance_recall(2_000)["chance_recall_at_10"]
    recall = retrieval_metrics(image, text)["mean_recall_at_10"]
    assert recall == pytest.approx(expected, abs=4 * math.sqrt(expected / 4_000))


def test_a_title_that_occurs_twice_is_relevant_to_both_images() -> None:
    """The text of one listing that finds the image of its twin has found a relevant one."""
    image = unit(np.array([[1, 0.1, 0], [1, 0, 0], [0, 0, 1.0]]))
    text = unit(np.array([[1, 0, 0], [1, 0, 0], [0, 0, 1.0]]))
    alone = retrieval_metrics(image, text)
    together = retrieval_metrics(image, text, np.array([0, 0, 1]))
    assert alone["text_to_image_recall_at_1"] == pytest.approx(2 / 3)
    assert together["text_to_image_recall_at_1"] == 1
    assert together["image_to_text_ndcg_at_10"] == pytest.approx(1)


def test_many_equal_texts_that_are_all_relevant_lose_nothing() -> None:
    """An image whose 15 relevant texts tie at the top has a perfect nDCG."""
    text = unit(np.repeat(np.eye(3), 15, axis=0))
    image = unit(text + 0.01 * np.random.default_rng(0).standard_normal(text.shape))
    metrics = retrieval_metrics(image, text, np.repeat(np.arange(3), 15))
    assert metrics["image_to_text_ndcg_at_10"] == pytest.approx(1)
    assert metrics["image_to_text_recall_at_1"] == 1


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 60), st.integers(1, 20), st.integers(0, 10_000))
def test_order_of_rows_changes_nothing_and_bounds_hold(rows: int, groups: int, seed: int) -> None:
    """Metrics do not depend on the rows' order; recall grows with k and stays within 0 and 1."""
    image, text = random_pairs(rows, 8, seed)
    rng = np.random.default_rng(seed)
    group, order = rng.integers(0, groups, rows), rng.permutation(rows)
    metrics = retrieval_metrics(image, text, group)
    assert retrieval_metrics(image[order], text[order], group[order]) == pytest.approx(metrics)
    for way in ("text_to_image", "image_to_text", "mean"):
        one, five, ten = (metrics[f"{way}_recall_at_{k}"] for k in (1, 5, 10))
        assert 0 <= one <= five <= ten <= 1
        assert one <= metrics[f"{way}_mrr"] <= 1 <= metrics[f"{way}_median_rank"] <= rows
        assert 0 <= metrics[f"{way}_ndcg_at_10"] <= 1 + 1e-12


def test_tensors_are_accepted_too() -> None:
    """CPU tensors give the metrics of the same arrays."""
    image, text = random_pairs(20, 8, seed=0)
    metrics = retrieval_metrics(torch.from_numpy(image), torch.from_numpy(text))
    assert metrics == retrieval_metrics(image, text)


@pytest.mark.parametrize("fault", ["nan", "length", "shape", "group"])
def test_vectors_that_cannot_be_ranked_are_refused(fault: str) -> None:
    """NaN, other lengths or shapes raise: a comparison with NaN would count as a perfect rank."""
    image, text = random_pairs(10, 8, seed=0)
    group = np.arange(10)
    if fault == "nan":
        image[3, 2] = np.nan
    if fault == "length":
        text = text * 2
    if fault == "shape":
        text = text[:9]
    if fault == "group":
        group = group[:9]
    with pytest.raises(ValueError, match=r"unit length|pairs|label"):
        retrieval_metrics(image, text, group)
