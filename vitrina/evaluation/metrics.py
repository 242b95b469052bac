"""Retrieval and duplicate metrics of paired image and text embeddings.

With tied scores, a metric is its mean over all orders of the tied items (McSherry & Najork,
"Computing Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores",
2008). So a collapsed model, whose embeddings are all equal, scores exactly chance.
"""

import numpy as np
import pandas as pd

from vitrina.evaluation.aggregate import retrieval_metrics_of
from vitrina.evaluation.measurement import DEPTHS, PRODUCT, Metrics
from vitrina.evaluation.ranks import TOP, Ranks, rank_both_ways


def retrieval_metrics(
    image: np.ndarray, text: np.ndarray, group: np.ndarray | None = None
) -> Metrics:
    """Recall, ranks, MRR and nDCG of finding images by text and texts by image.

    Arguments and errors as of :func:`retrieval_figures`. Keys: ``{text_to_image,image_to_text}_
    {recall_at_1,recall_at_5,recall_at_10,median_rank,geometric_rank,mrr,ndcg_at_10}`` and the mean
    of both directions, ``mean_…``. Recall at k is the fraction of queries with a relevant item
    among the first k; ranks are of the first relevant item, from 1.
    """
    return retrieval_metrics_of(retrieval_figures(image, text, group))


def retrieval_figures(
    image: np.ndarray, text: np.ndarray, group: np.ndarray | None = None
) -> pd.DataFrame:
    """How each row's text finds images, and its image texts: a row per pair.

    ``image`` and ``text``: float32 (rows, dim) of unit length; row i of both is a pair. ``group``
    int64 (rows,): rows of the same group are relevant to each other (a title that occurs several
    times, an image used twice); without it only the pair itself is.

    Columns: ``product`` (the group) and ``{text_to_image,image_to_text}_{rank,recall_at_1,
    recall_at_5,recall_at_10,ndcg_at_10}``, float64. Raises ValueError for mismatched shapes,
    vectors that are not of unit length, or NaN.
    """
    to_image, to_text = rank_both_ways(text, image, group)
    product = np.arange(len(text)) if group is None else group
    directions = {"text_to_image": to_image, "image_to_text": to_text}
    return pd.DataFrame(
        {PRODUCT: product}
        | {
            f"{direction}_{name}": values
            for direction, ranks in directions.items()
            for name, values in _by_query(ranks).items()
        }
    )


def chance_recall(rows: int, group: np.ndarray | None = None) -> Metrics:
    """``chance_recall_at_{1,5,10}``: the recall of random guesses among ``rows`` items.

    ``group`` as in :func:`retrieval_figures`; the value is the same in both directions.
    """
    relevant = np.ones(rows, np.int64)
    if group is not None:
        _, label, size = np.unique(group, return_inverse=True, return_counts=True)
        relevant = size[label]
    higher, tied = np.zeros(rows, np.int64), np.full(rows, rows)  # every item ties with every other
    return {
        f"chance_recall_at_{k}": float(np.mean(hit_chance(higher, tied, relevant, k)))
        for k in DEPTHS
    }


# The sum of nDCG's discounts of the first n places, for n from 0 to TOP.
CUMULATIVE = np.concatenate([[0], np.cumsum(1 / np.log2(np.arange(2, TOP + 2)))])


def expected_discount(higher: np.ndarray, tied: np.ndarray) -> np.ndarray:
    """nDCG's discount of an item that ties with ``tied`` ones, itself included: the mean of theirs.

    ``higher`` items come first; places below TOP do not count. All int64, any shape.
    """
    start, end = np.minimum(higher, TOP), np.minimum(higher + tied, TOP)
    discount: np.ndarray = (CUMULATIVE[end] - CUMULATIVE[start]) / np.maximum(tied, 1)
    return discount


def _by_query(ranks: Ranks) -> dict[str, np.ndarray]:
    higher, tied = ranks.higher[:, 0], ranks.tied[:, 0]
    tied_relevant = ranks.relevant.tied_with_best
    # The first of r relevant items among n in random order has a mean rank of (n + 1) / (r + 1).
    return {
        "rank": higher + (tied + 1) / (tied_relevant + 1),
        **{f"recall_at_{k}": hit_chance(higher, tied, tied_relevant, k) for k in DEPTHS},
        f"ndcg_at_{TOP}": _ndcg(ranks),
    }


def hit_chance(higher: np.ndarray, tied: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
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
    expected = ranks.relevant.copies * expected_discount(ranks.higher, ranks.tied)
    ideal = CUMULATIVE[np.minimum(ranks.relevant.relevant, TOP)]
    ndcg: np.ndarray = expected.sum(axis=1) / ideal
    return ndcg
