"""Retrieval and duplicate metrics of paired image and text embeddings.

With tied scores, a metric is its mean over all orders of the tied items (McSherry & Najork,
"Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores",
2008). So a collapsed model, whose embeddings are all equal, scores exactly chance.
"""

import numpy as np
from sklearn.metrics import average_precision_score

from vitrina.evaluation.measurement import Metrics
from vitrina.evaluation.ranks import TOP, Ranks, rank_both_ways

DEPTHS = (1, 5, TOP)


def retrieval_metrics(
    image: np.ndarray, text: np.ndarray, group: np.ndarray | None = None
) -> Metrics:
    """Recall, median rank, MRR and nDCG of finding images by text and texts by image.

    ``image`` and ``text``: float32 (rows, dim) of unit length; row i of both is a pair. ``group``
    int64 (rows,): rows of the same group are relevant to each other (a title that occurs several
    times, an image used twice); without it only the pair itself is.

    Keys: ``{text_to_image,image_to_text}_{recall_at_1,recall_at_5,recall_at_10,median_rank,mrr,
    ndcg_at_10}`` and the mean of both directions, ``mean_…``. Recall at k is the fraction of
    queries with a relevant item among the first k; ranks are of the first relevant item, from 1.
    Raises ValueError for mismatched shapes, vectors that are not of unit length, or NaN.
    """
    to_image, to_text = rank_both_ways(text, image, group)
    by_text, by_image = _metrics(to_image), _metrics(to_text)
    return (
        {f"mean_{name}": (value + by_image[name]) / 2 for name, value in by_text.items()}
        | {f"text_to_image_{name}": value for name, value in by_text.items()}
        | {f"image_to_text_{name}": value for name, value in by_image.items()}
    )


def chance_recall(rows: int, group: np.ndarray | None = None) -> Metrics:
    """``chance_recall_at_{1,5,10}``: the recall of random guesses among ``rows`` items.

    ``group`` as in :func:`retrieval_metrics`; the value is the same in both directions.
    """
    relevant = np.ones(rows, np.int64)
    if group is not None:
        _, label, size = np.unique(group, return_inverse=True, return_counts=True)
        relevant = size[label]
    higher, tied = np.zeros(rows, np.int64), np.full(rows, rows)  # every item ties with every other
    return {
        f"chance_recall_at_{k}": float(np.mean(_hit_chance(higher, tied, relevant, k)))
        for k in DEPTHS
    }


def duplicate_pr_auc(vectors: np.ndarray, group: np.ndarray, max_rows: int = 2_000) -> float | None:
    """Average precision of the cosine as a classifier of pairs: same group or not.

    None if no two rows share a group. ``vectors``: float32 (rows, dim) of unit length; ``group``
    int64 (rows,). All pairs of at most ``max_rows`` rows are scored. The rows are taken group by
    group, in an order that depends only on the labels, so two models are scored on the same pairs.
    """
    labels, label = np.unique(group, return_inverse=True)
    position = np.random.default_rng(0).permutation(len(labels))  # seeded: the same for every model
    rows = np.argsort(position[label], kind="stable")[:max_rows]
    first, second = np.triu_indices(len(rows), k=1)
    same = group[rows[first]] == group[rows[second]]
    if not same.any():
        return None
    cosine = (vectors[rows] @ vectors[rows].T)[first, second]
    return float(average_precision_score(same, cosine))


def _metrics(ranks: Ranks) -> Metrics:
    higher, tied = ranks.higher[:, 0], ranks.tied[:, 0]
    tied_relevant = ranks.relevant.tied_with_best
    # The first of r relevant items among n in random order has a mean rank of (n + 1) / (r + 1).
    first = higher + (tied + 1) / (tied_relevant + 1)
    recalls = {f"recall_at_{k}": _hit_chance(higher, tied, tied_relevant, k) for k in DEPTHS}
    return {name: float(np.mean(hits)) for name, hits in recalls.items()} | {
        "median_rank": float(np.median(first)),
        "mrr": float(np.mean(1 / first)),
        f"ndcg_at_{TOP}": float(np.mean(_ndcg(ranks))),
    }


def _hit_chance(higher: np.ndarray, tied: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """Probability of a relevant item in the first k, float64 (queries,).

    ``higher`` irrelevant items come first, then ``tied`` items in random order, of which
    ``relevant`` are relevant. All int64 (queries,).
    """
    miss = np.ones(len(higher))
    for draw in range(k):  # without replacement from the tied items
        drawn = (higher + draw < k) & (draw < tied)
        remaining = np.maximum(tied - draw, 1)
        miss *= np.where(drawn, np.maximum(tied - relevant - draw, 0) / remaining, 1)
    return 1 - miss


def _ndcg(ranks: Ranks) -> np.ndarray:
    """nDCG at 10 of each query with binary relevance, float64 (queries,)."""
    gains = np.concatenate([[0], np.cumsum(1 / np.log2(np.arange(2, TOP + 2)))])
    start, end = np.minimum(ranks.higher, TOP), np.minimum(ranks.higher + ranks.tied, TOP)
    expected = ranks.relevant.copies * (gains[end] - gains[start]) / np.maximum(ranks.tied, 1)
    ideal = gains[np.minimum(ranks.relevant.relevant, TOP)]
    ndcg: np.ndarray = expected.sum(axis=1) / ideal
    return ndcg
