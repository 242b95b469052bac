"""Intervals of two models' metrics and of their differences."""

import numpy as np
import pandas as pd
import pytest

from tests.support.vectors import random_pairs
from vitrina.evaluation.aggregate import metrics_of
from vitrina.evaluation.intervals import metric_intervals
from vitrina.evaluation.metrics import retrieval_figures


def figures_with(noise: float, seed: int = 0, products: int = 120) -> pd.DataFrame:
    group = np.arange(150) % products
    image, text = random_pairs(150, 16, seed, noise)
    return retrieval_figures(image, text, group)


def test_intervals_hold_the_metrics_and_a_paired_difference_is_narrower() -> None:
    """The difference of two like models is known better than either of them."""
    before, after = figures_with(2.0), figures_with(1.9)
    intervals = metric_intervals(before, after)
    values = metrics_of(before), metrics_of(after)
    assert list(intervals) == list(values[1])  # in this order, or a rerun is not the same bytes
    for name, one in intervals.items():
        assert one.before[0] <= values[0][name] <= one.before[1], name
        assert one.after[0] <= values[1][name] <= one.after[1], name
    mrr = intervals["mean_mrr"]
    assert np.diff(mrr.difference) < 0.7 * np.diff(mrr.after)


def test_the_same_model_twice_differs_by_nothing() -> None:
    """The interval of the difference has no width."""
    figures = figures_with(2.0)
    for name, one in metric_intervals(figures, figures).items():
        assert one.difference == (0, 0), name


def test_all_or_nothing_found_still_has_an_interval() -> None:
    """120 products of 120 found: the rate may be 0.97. None found: it may be 0.03."""
    perfect, hopeless = figures_with(0.0), figures_with(0.0)
    columns = [name for name in perfect if "recall" in name]
    hopeless[columns] = 0
    recall = metric_intervals(hopeless, perfect)["mean_recall_at_1"]
    assert recall.before == pytest.approx((0, 0.0303), abs=1e-3)
    assert recall.after == pytest.approx((0.9697, 1), abs=1e-3)
    assert recall.difference == (1, 1)


def test_a_single_product_has_no_intervals() -> None:
    """It says nothing about others."""
    assert metric_intervals(figures_with(1.0, products=1), figures_with(1.0, products=1)) == {}
