"""Intervals of every metric of two models, and of their differences, over the same products."""

import numpy as np
import pandas as pd

from vitrina.evaluation.aggregate import Samples, metrics_of, resampled
from vitrina.evaluation.bootstrap import REPLICATES, percentile_interval, product_weights
from vitrina.evaluation.measurement import resampled_units
from vitrina.results import Interval, MetricIntervals

CONFIDENCE = 0.95


def metric_intervals(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, MetricIntervals]:
    """The 95% intervals of each metric that both tables of figures have.

    The tables are of the same rows in the same order. Empty if they are of a
    single product or query.
    """
    units = resampled_units(after)
    count = len(np.unique(units))
    if count < 2:
        return {}
    samples = [_samples(figures, units) for figures in (before, after)]
    values = metrics_of(before), metrics_of(after)
    return {
        name: MetricIntervals(
            before=_interval(samples[0][name], values[0][name], count),
            after=_interval(samples[1][name], values[1][name], count),
            difference=percentile_interval(samples[1][name] - samples[0][name], count, CONFIDENCE),
        )
        for name in values[1]
        if name in values[0]
    }


def _samples(figures: pd.DataFrame, units: np.ndarray) -> dict[str, Samples]:
    """Every metric in each replicate."""
    parts = [resampled(figures, weights) for weights in product_weights(units, REPLICATES)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _interval(samples: Samples, value: float, products: int) -> Interval:
    """The interval of a metric; where all products are found, or none, the exact one.

    A bootstrap of equal values has no width. A rate that was 0 or 1 in n trials has a limit at
    (α / 2) ** (1 / n) from the other end (Clopper & Pearson 1934).
    """
    low, high = percentile_interval(samples, products, CONFIDENCE)
    if low < high or value not in (0, 1):
        return low, high
    limit = ((1 - CONFIDENCE) / 2) ** (1 / products)
    return (limit, 1.0) if value else (0.0, 1 - limit)
