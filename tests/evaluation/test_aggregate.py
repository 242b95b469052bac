"""Metrics of weighted rows: weights are copies."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tests.support.vectors import random_pairs
from vitrina.evaluation.aggregate import metrics_of, resampled
from vitrina.evaluation.duplicates import duplicate_figures
from vitrina.evaluation.metrics import retrieval_figures

CLASSES = np.array(["а", "б", "в", "г"], dtype=object)


def table_of_figures(rows: int, seed: int) -> pd.DataFrame:
    """Ranks, duplicates and predicted classes, some of which are missing."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, max(rows // 2, 1), rows)
    image, text = random_pairs(rows, 8, seed)
    figures = retrieval_figures(image, text, group)
    figures = pd.concat([figures, duplicate_figures({"text": text}, group, rows)], axis=1)
    label, predicted = CLASSES[rng.integers(0, 4, (2, rows))]
    return figures.assign(
        label=label,
        zero_shot=np.where(rng.random(rows) < 0.3, label, predicted),
        probe_text=pd.Series(predicted).where(rng.random(rows) < 0.8),
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 40), st.integers(0, 10_000))
def test_a_weight_counts_as_so_many_copies(rows: int, seed: int) -> None:
    """Every metric with weights is the metric of the table with its rows repeated."""
    figures = table_of_figures(rows, seed)
    weights = np.random.default_rng(seed + 1).multinomial(rows, np.ones(rows) / rows, size=2)
    found = resampled(figures, weights.astype(np.float32))
    for replicate, times in enumerate(weights):
        expected = metrics_of(figures.loc[figures.index.repeat(times)])
        for name, value in expected.items():
            assert found[name][replicate] == pytest.approx(value, rel=1e-5, abs=1e-6), name
        for name in found.keys() - expected.keys():
            assert np.isnan(found[name][replicate]), "a metric of rows that were not drawn"


def test_f1_is_that_of_scikit_learn() -> None:
    """Over rows with a prediction; classes that are only predicted count for the macro mean."""
    figures = table_of_figures(60, seed=3)
    rows = figures[figures["probe_text"].notna()]
    metrics = metrics_of(figures)
    for average in ("macro", "weighted"):
        expected = f1_score(rows["label"], rows["probe_text"], average=average)
        assert metrics[f"probe_text_{average}_f1"] == pytest.approx(expected)


def test_metrics_whose_columns_are_missing_are_left_out() -> None:
    """No labels, no duplicates: only retrieval."""
    image, text = random_pairs(10, 8, seed=0)
    names = metrics_of(retrieval_figures(image, text)).keys()
    assert not [name for name in names if name.startswith(("probe", "zero", "duplicate"))]
    assert "mean_geometric_rank" in names
