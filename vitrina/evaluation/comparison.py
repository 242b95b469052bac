"""What a gate decides by: how much better one model ranks the same held-out products."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from upath import UPath

from vitrina.catalog.processed_table import NM
from vitrina.config.evaluation import GateConfig
from vitrina.config.parameters import RankingMetric
from vitrina.errors import UserError
from vitrina.evaluation.aggregate import metrics_of, weighted_means
from vitrina.evaluation.bootstrap import (
    DECISIVE_REPLICATES,
    percentile_interval,
    product_weights,
)
from vitrina.evaluation.measurement import (
    DIRECTIONS,
    LISTINGS,
    QUERY,
    QUERY_KINDS,
    Measurement,
    Metrics,
    resampled_units,
)
from vitrina.results import Comparison
from vitrina.store.paths import to_path

Scores = npt.NDArray[np.float64]  # (rows,): higher is better


def compare(candidate: pd.DataFrame, current: pd.DataFrame, gate: GateConfig) -> Comparison:
    """Compare two models by the gate's metric on the tables of figures of the same rows.

    Raises ValueError if the tables are of different rows.
    """
    names = [name for name in (NM, QUERY) if name in candidate]
    if candidate[names].to_numpy().tolist() != current[names].to_numpy().tolist():
        raise ValueError("two models can only be compared on the same held-out rows")
    gains = scores_of(candidate, gate.metric) - scores_of(current, gate.metric)
    units = resampled_units(candidate)
    (low, high, error), *_ = gain_intervals(gains[:, None], units, gate.confidence)
    of_unit = pd.Series(gains).groupby(units).mean()
    return Comparison(
        metric=gate.metric,
        candidate=metrics_of(candidate)[gate.metric],
        current=metrics_of(current)[gate.metric],
        gain=float(gains.mean()),
        interval=(low, high),
        standard_error=error,
        held_out=len(of_unit),
        decisive=int(np.sum(of_unit != gate.margin)),
    )


def scores_of(figures: pd.DataFrame, metric: RankingMetric) -> Scores:
    """The score of each row, higher is better, whose mean is the metric.

    For a geometric rank it is minus the natural logarithm of the rank: the difference of two means
    is then the logarithm of the ratio of the ranks.
    """
    prefixes = (*DIRECTIONS, *QUERY_KINDS, "mean")
    prefix = next(one for one in prefixes if metric.startswith(one))
    name = metric.removeprefix(f"{prefix}_")
    ways = DIRECTIONS if prefix == "mean" else (prefix,)
    scores: Scores = np.mean([_scores(figures, way, name) for way in ways], axis=0)
    return scores


def _scores(figures: pd.DataFrame, prefix: str, name: str) -> Scores:
    rank = figures[f"{prefix}_rank"].to_numpy(np.float64)
    if name == "geometric_rank":
        scores: Scores = -np.log(rank)
        return scores
    return 1 / rank if name == "mrr" else figures[f"{prefix}_{name}"].to_numpy(np.float64)


def gain_intervals(
    gains: npt.NDArray[np.float64], units: npt.NDArray[np.int64], confidence: float
) -> list[tuple[float, float, float]]:
    """For each column of gains (rows, columns): low and high end of the interval, standard error.

    ``units`` (rows,): the product, or the query, that a row is of. All three are 0 for a single
    one: it has no interval.
    """
    count = len(np.unique(units))
    if count < 2:
        return [(0.0, 0.0, 0.0)] * gains.shape[1]
    weights = product_weights(units, DECISIVE_REPLICATES)
    means = np.concatenate([weighted_means(gains, part) for part in weights])
    return [
        (*percentile_interval(column, count, confidence), float(column.std())) for column in means.T
    ]


def path_of(measurement: Measurement, metric: RankingMetric) -> UPath:
    """The table of figures that has a metric's columns.

    Raises UserError if there is none: no query of that kind was measured.
    """
    name = next((kind for kind in QUERY_KINDS if metric.startswith(kind)), LISTINGS)
    if name not in measurement.figures:
        raise UserError(
            f"gate.metric is {metric}, but the table of queries has none of that kind. Give more "
            "queries, hold out more of them (query_test_fraction), or choose another metric."
        )
    return to_path(measurement.figures[name])


def score(metrics: Metrics, metric: RankingMetric) -> float:
    """A metric as a score, higher is better."""
    return -np.log(metrics[metric]) if metric.endswith("geometric_rank") else metrics[metric]
