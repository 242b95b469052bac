"""Retrieval and duplicate metrics of paired image and text embeddings.

Ties count as what random order among the tied would give on average (McSherry & Najork, "Computing
Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores", 2008): a
collapsed model, to which everything is equal, scores exactly chance.
"""

import numpy as np
from sklearn.metrics import average_precision_score

from vitrina.evaluation.ranks import TOP, Ranks, rank_both_ways

DEPTHS = (1, 5, TOP)


def retrieval_metrics(
    image: np.ndarray, text: np.ndarray, group: np.ndarray | None = None
) -> dict[str, float]:
    """Recall, ranks, MRR and nDCG of finding images by text and texts by image.

    ``image`` and ``text``: float32 (rows, dim), unit length, row by row a pair. ``group`` (rows,):
    rows of equal label are right for each other (a title that occurs several times, an image used
    twice); by default only the row itself is.

    Keys: ``{text_to_image,image_to_text}_{recall_at_1,recall_at_5,recall_at_10,median_rank,mrr,
    ndcg_at_10}`` and the mean of both directions, ``mean_…``. Recall at k is the part of the
    queries with a right item among the first k; the rank is that of the first right item, from 1.
    Raises ValueError for shapes that do not fit, vectors not of unit length, or NaN.
    """
    to_image, to_text = rank_both_ways(text, image, group)
    both = {"text_to_image": _metrics(to_image), "image_to_text": _metrics(to_text)}
    mean = {
        f"mean_{name}": (value + both["image_to_text"][name]) / 2
        for name, value in both["text_to_image"].items()
    }
    return mean | {f"{way}_{name}": v for way, all_ in both.items() for name, v in all_.items()}


def chance_recall(rows: int, group: np.ndarray | None = None) -> dict[str, float]:
    """``chance_recall_at_{1,5,10}``: what guessing among ``rows`` items gives, either way."""
    relevant = np.ones(rows, np.int64)
    if group is not None:
        _, label, size = np.unique(group, return_inverse=True, return_counts=True)
        relevant = size[label]
    nothing, everything = np.zeros(rows, np.int64), np.full(rows, rows)
    return {
        f"chance_recall_at_{k}": float(np.mean(_hit_chance(nothing, everything, relevant, k)))
        for k in DEPTHS
    }


def duplicate_pr_auc(vectors: np.ndarray, group: np.ndarray, max_rows: int = 2_000) -> float | None:
    """Average precision of telling pairs of one group from other pairs by cosine; None without any.

    ``vectors``: float32 (rows, dim), unit length. All pairs of at most ``max_rows`` rows are
    scored, whole groups in an order that the labels fix, so that two models meet the same pairs.
    """
    labels, label = np.unique(group, return_inverse=True)
    place = np.random.default_rng(0).permutation(len(labels))  # fixed: equal for both models
    rows = np.argsort(place[label], kind="stable")[:max_rows]
    left, relevant = np.triu_indices(len(rows), k=1)
    same = group[rows[left]] == group[rows[relevant]]
    if not same.any():
        return None
    cosine = (vectors[rows] @ vectors[rows].T)[left, relevant]
    return float(average_precision_score(same, cosine))


def _metrics(ranks: Ranks) -> dict[str, float]:
    higher, tied = ranks.higher[:, 0], ranks.tied[:, 0]
    tied_relevant = ranks.relevant.tied_with_best
    # The mean place of the first of r right ones in n shuffled places is (n + 1) / (r + 1).
    first = higher + (tied + 1) / (tied_relevant + 1)
    recalls = {f"recall_at_{k}": _hit_chance(higher, tied, tied_relevant, k) for k in DEPTHS}
    return {name: float(np.mean(hits)) for name, hits in recalls.items()} | {
        "median_rank": float(np.median(first)),
        "mrr": float(np.mean(1 / first)),
        f"ndcg_at_{TOP}": float(np.mean(_ndcg(ranks))),
    }


def _hit_chance(higher: np.ndarray, tied: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Chance of a right item in the first k places, float64 (queries,).

    ``relevant`` of the ``tied`` items that follow ``higher`` better ones are right, in random order.
    """
    miss = np.ones(len(higher))
    for place in range(k):
        drawn = (higher + place < k) & (place < tied)
        left = np.maximum(tied - place, 1)
        miss *= np.where(drawn, np.maximum(tied - relevant - place, 0) / left, 1)
    return 1 - miss


def _ndcg(ranks: Ranks) -> np.ndarray:
    """nDCG at 10 of each query, gain 1 for a right item, float64 (queries,)."""
    gains = np.concatenate([[0], np.cumsum(1 / np.log2(np.arange(2, TOP + 2)))])
    start, end = np.minimum(ranks.higher, TOP), np.minimum(ranks.higher + ranks.tied, TOP)
    expected = ranks.relevant.copies * (gains[end] - gains[start]) / np.maximum(ranks.tied, 1)
    ideal = gains[np.minimum(ranks.relevant.relevant, TOP)]
    ndcg: np.ndarray = expected.sum(axis=1) / ideal
    return ndcg
