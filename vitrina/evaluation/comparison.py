"""What a gate decides by: how much better one model ranks the same held-out products."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from vitrina.catalog.processed_table import NM
from vitrina.config.evaluation import GateConfig
from vitrina.config.parameters import RankingMetric
from vitrina.evaluation.aggregate import metrics_of, weighted_means
from vitrina.evaluation.bootstrap import (
    DECISIVE_REPLICATES,
    percentile_interval,
    product_weights,
)
from vitrina.evaluation.measurement import DIRECTIONS, PRODUCT, Metrics
from vitrina.results import Comparison

Scores = npt.NDArray[np.float64]  # (rows,): higher is better


def compare(candidate: pd.DataFrame, current: pd.DataFrame, gate: GateConfig) -> Comparison:
    """Compare two models by the gate's metric on the tables of figures of the same rows.

    Raises ValueError if the tables are of different rows.
    """
    if candidate[[NM, PRODUCT]].to_numpy().tolist() != current[[NM, PRODUCT]].to_numpy().tolist():
        raise ValueError("two models can only be compared on the same held-out rows")
    gains = scores_of(candidate, gate.metric) - scores_of(current, gate.metric)
    (low, high, error), *_ = gain_intervals(gains[:, None], candidate[PRODUCT], gate.confidence)
    of_product = pd.Series(gains).groupby(candidate[PRODUCT].to_numpy()).mean()
    return Comparison(
        metric=gate.metric,
        candidate=metrics_of(candidate)[gate.metric],
        current=metrics_of(current)[gate.metric],
        gain=float(gains.mean()),
        interval=(low, high),
        standard_error=error,
        products=len(of_product),
        decisive_products=int(np.sum(of_product != gate.margin)),
    )


def scores_of(figures: pd.DataFrame, metric: RankingMetric) -> Scores:
    """The score of each row, higher is better, whose mean is the metric.

    For a geometric rank it is minus the natural logarithm of the rank: the difference of two means
    is then the logarithm of the ratio of the ranks.
    """
    direction = next(one for one in (*DIRECTIONS, "mean") if metric.startswith(one))
    name = metric.removeprefix(f"{direction}_")
    ways = DIRECTIONS if direction == "mean" else (direction,)
    scores: Scores = np.mean([_scores(figures, way, name) for way in ways], axis=0)
    return scores


def _scores(figures: pd.DataFrame, direction: str, name: str) -> Scores:
    rank = figures[f"{direction}_rank"].to_numpy(np.float64)
    if name == "geometric_rank":
        scores: Scores = -np.log(rank)
        return scores
    return 1 / rank if name == "mrr" else figures[f"{direction}_{name}"].to_numpy(np.float64)


def gain_intervals(
    gains: npt.NDArray[np.float64], products: npt.ArrayLike, confidence: float
) -> list[tuple[float, float, float]]:
    """For each column of gains (rows, columns): low and high end of the interval, standard error.

    All three are 0 for a single product: it has no interval.
    """
    of_rows = np.asarray(products, np.int64)
    count = len(np.unique(of_rows))
    if count < 2:
        return [(0.0, 0.0, 0.0)] * gains.shape[1]
    weights = product_weights(of_rows, DECISIVE_REPLICATES)
    means = np.concatenate([weighted_means(gains, part) for part in weights])
    return [
        (*percentile_interval(column, count, confidence), float(column.std())) for column in means.T
    ]


def score(metrics: Metrics, metric: RankingMetric) -> float:
    """A metric as a score, higher is better."""
    return -np.log(metrics[metric]) if metric.endswith("geometric_rank") else metrics[metric]
