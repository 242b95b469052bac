"""Duplicates: how well the cosine of two listings tells whether they are one product."""

import numpy as np
import pandas as pd

from vitrina.evaluation.aggregate import DUPLICATES, metrics_of
from vitrina.evaluation.measurement import PRODUCT


def duplicate_pr_auc(vectors: np.ndarray, group: np.ndarray, max_rows: int = 2_000) -> float | None:
    """Average precision of the cosine as a classifier of pairs: same group or not.

    None if no two rows share a group. Arguments as of :func:`duplicate_figures`.
    """
    figures = duplicate_figures({"of": vectors}, group, max_rows)
    metrics = metrics_of(figures.assign(**{PRODUCT: group}))
    return metrics.get("duplicate_pr_auc_of")


def duplicate_figures(
    vectors: dict[str, np.ndarray], group: np.ndarray, max_rows: int
) -> pd.DataFrame:
    """How precisely each row's duplicates are found: ``duplicates``, ``duplicate_pr_auc_{kind}``.

    ``vectors``: float32 (rows, dim) of unit length, by kind; ``group`` int64 (rows,). All pairs of
    at most ``max_rows`` rows are scored. The rows are taken group by group, in an order that
    depends only on the labels, so two models are scored on the same pairs.

    ``duplicates`` counts the other scored rows of the same group. The other columns hold the mean
    precision at these pairs, NaN if there are none: of all pairs with a cosine at least as high,
    the fraction that share a group. Their mean over all pairs is the average precision.
    """
    rows = _scored_rows(group, max_rows)
    first, second = np.triu_indices(len(rows), k=1)
    same = group[rows[first]] == group[rows[second]]
    ends = rows[np.concatenate([first[same], second[same]])]
    count = np.bincount(ends, minlength=len(group))
    columns: dict[str, np.ndarray] = {DUPLICATES: count}
    for kind, of_kind in vectors.items():
        cosine = (of_kind[rows] @ of_kind[rows].T)[first, second]
        total = np.bincount(ends, np.tile(_precision(cosine, same), 2), minlength=len(group))
        columns[f"duplicate_pr_auc_{kind}"] = np.where(
            count > 0, total / np.maximum(count, 1), np.nan
        )
    return pd.DataFrame(columns)


def _scored_rows(group: np.ndarray, max_rows: int) -> np.ndarray:
    labels, label = np.unique(group, return_inverse=True)
    position = np.random.default_rng(0).permutation(len(labels))  # seeded: the same for every model
    return np.argsort(position[label], kind="stable")[:max_rows]


def _precision(score: np.ndarray, is_match: np.ndarray) -> np.ndarray:
    """Of the pairs that score at least as high as each match, the fraction of matches."""
    ascending = np.sort(score)
    above = len(score) - np.searchsorted(ascending, score[is_match], side="left")
    matches = np.sort(score[is_match])
    matches_above = len(matches) - np.searchsorted(matches, score[is_match], side="left")
    precision: np.ndarray = matches_above / above
    return precision
