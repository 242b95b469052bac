"""Metrics of a table of figures: their values, and their values in weighted resamples of its rows.

Each metric is defined once, for weighted rows. The metric itself has all weights one; a bootstrap
replicate weights a row by how often its product was drawn.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from vitrina.evaluation.measurement import DEPTHS, DIRECTIONS, LABEL, QUERY_KINDS, Metrics

Samples = npt.NDArray[np.float64]  # (replicates,): a metric in each of them
Weights = npt.NDArray[np.floating]  # (replicates, rows)
DUPLICATES = "duplicates"
ZERO_SHOT = "zero_shot"
PREDICTED = (ZERO_SHOT, "probe_text", "probe_image", "probe_both")  # columns of class names


def metrics_of(figures: pd.DataFrame) -> Metrics:
    """The metrics whose columns a table of figures has."""
    once = np.ones((1, len(figures)))
    return {name: float(values[0]) for name, values in resampled(figures, once).items()}


def retrieval_metrics_of(figures: pd.DataFrame) -> Metrics:
    """The metrics of ranks alone."""
    once = np.ones((1, len(figures)))
    return {name: float(values[0]) for name, values in _retrieval(figures, once)}


def query_metrics_of(figures: pd.DataFrame, kind: str) -> Metrics:
    """The metrics of a kind of queries."""
    once = np.ones((1, len(figures)))
    found = _of_ranks(figures, kind, once)
    return {f"{kind}_{name}": float(values[0]) for name, values in found.items()}


def resampled(figures: pd.DataFrame, weights: Weights) -> dict[str, Samples]:
    """Every metric in each replicate; NaN where a replicate has no row to measure it on."""
    return dict(_retrieval(figures, weights)) | dict(_others(figures, weights))


def _retrieval(figures: pd.DataFrame, weights: Weights) -> Iterator[tuple[str, Samples]]:
    both: dict[str, list[Samples]] = {}
    for direction in DIRECTIONS:
        if f"{direction}_rank" not in figures:
            return
        for name, values in _of_ranks(figures, direction, weights).items():
            both.setdefault(name, []).append(values)
            yield f"{direction}_{name}", values
    for name, (one, other) in both.items():
        mean = np.sqrt(one * other) if name == "geometric_rank" else (one + other) / 2
        yield f"mean_{name}", mean


def _of_ranks(figures: pd.DataFrame, prefix: str, weights: Weights) -> Mapping[str, Samples]:
    """The metrics of the columns with a prefix, a direction or a kind of queries."""
    rank = figures[f"{prefix}_rank"].to_numpy(np.float64)
    plain = [f"recall_at_{depth}" for depth in DEPTHS] + ["ndcg_at_10"]
    values = [figures[f"{prefix}_{name}"].to_numpy(np.float64) for name in plain]
    means = weighted_means(np.stack([*values, 1 / rank, np.log(rank)], axis=1), weights)
    found = dict(zip([*plain, "mrr", "log_rank"], means.T, strict=True))
    geometric = np.exp(found.pop("log_rank"))
    return {**found, "median_rank": _medians(rank, weights), "geometric_rank": geometric}


def _others(figures: pd.DataFrame, weights: Weights) -> Iterator[tuple[str, Samples]]:
    """Metrics of queries, of duplicates and of classes."""
    for kind in QUERY_KINDS:
        if f"{kind}_rank" in figures:
            for name, values in _of_ranks(figures, kind, weights).items():
                yield f"{kind}_{name}", values
    for name in figures.columns[figures.columns.str.startswith("duplicate_pr_auc_")]:
        found = figures[DUPLICATES].to_numpy() > 0
        if found.any():
            count = figures[DUPLICATES].to_numpy()[found]
            values = figures[name].to_numpy()[found, None]
            yield name, weighted_means(values, weights[:, found] * count)[:, 0]
    for name in PREDICTED:
        predicted = figures[name].notna().to_numpy() if name in figures else np.array([])
        if predicted.any():
            rows = figures[predicted]
            yield from _of_classes(name, rows[LABEL], rows[name], weights[:, predicted])


def weighted_means(values: np.ndarray, weights: Weights) -> npt.NDArray[np.float64]:
    """The mean of each column in each replicate: (replicates, columns), from (rows, columns)."""
    with np.errstate(invalid="ignore"):  # a replicate may have drawn none of the rows
        return np.asarray(
            (weights @ values.astype(weights.dtype)) / weights.sum(axis=1, keepdims=True),
            np.float64,
        )


def _medians(values: np.ndarray, weights: Weights) -> Samples:
    """The median in each replicate; of an even number of values the mean of the middle two."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    half = reached[:, -1:] / 2
    lower = values[order][np.argmax(reached >= half, axis=1)]
    upper = values[order][np.argmax(reached > half, axis=1)]
    medians: Samples = (lower + upper) / 2
    return medians


def _of_classes(
    name: str, label: "pd.Series[str]", predicted: "pd.Series[str]", weights: Weights
) -> Iterator[tuple[str, Samples]]:
    """Accuracy, macro and weighted F1; F1 averages over classes that are labels or predicted."""
    right = (label == predicted).to_numpy()
    yield f"{name}_accuracy", weighted_means(right[:, None], weights)[:, 0]
    codes, classes = pd.factorize(pd.concat([label, predicted]))
    of_label, of_predicted = codes[: len(label)], codes[len(label) :]
    support = _totals(of_label, len(classes), weights)
    size = support + _totals(of_predicted, len(classes), weights)
    hits = _totals(of_label[right], len(classes), weights[:, right])
    with np.errstate(invalid="ignore"):
        f1 = 2 * hits / size
        yield f"{name}_macro_f1", np.nansum(f1, axis=1) / np.sum(size > 0, axis=1)
        yield f"{name}_weighted_f1", np.nansum(f1 * support, axis=1) / support.sum(axis=1)


def _totals(codes: np.ndarray, classes: int, weights: Weights) -> npt.NDArray[np.float64]:
    """The weight of each class in each replicate: (replicates, classes)."""
    from scipy.sparse import csr_array  # type: ignore[import-untyped]  # ships no types

    ones = np.ones(len(codes), weights.dtype)
    member = csr_array((ones, (np.arange(len(codes)), codes)), shape=(len(codes), classes))
    return np.asarray(weights @ member, np.float64)
