"""The comparison of figures: what they are, and that a better model stands higher."""

import numpy as np
import pytest

from benchmarks.gate import LOSS, OF_RANK, figures, simulated, standing, two_models
from tests.support.vectors import random_pairs
from vitrina.evaluation.metrics import retrieval_metrics


def test_figures_are_those_of_the_evaluation() -> None:
    """Their means are the metrics that the gate uses."""
    image, text = random_pairs(80, 12, seed=0)
    group = np.arange(80) % 60
    found, metrics = figures(text, image, group), retrieval_metrics(image, text, group)
    assert found.keys() == {*OF_RANK, LOSS}
    for name, metric in (
        ("recall@1", "recall_at_1"),
        ("recall@10", "recall_at_10"),
        ("MRR", "mrr"),
    ):
        assert found[name].mean() == pytest.approx(metrics[f"mean_{metric}"]), name
    geometric = np.exp(-found["geometric mean rank"].mean())
    assert geometric == pytest.approx(metrics["mean_geometric_rank"])


def test_listings_of_a_group_stand_together() -> None:
    """A gain counts by groups: four copies of each row are no more evidence."""
    random = np.random.default_rng(0)
    gain, group = random.normal(0.2, 1, 50), np.arange(50)
    once = standing(gain, np.zeros(50), group)
    assert once == pytest.approx(gain.mean() / (gain.std() / np.sqrt(50)))
    assert standing(np.tile(gain, 4), np.zeros(200), np.tile(group, 4)) == pytest.approx(once)
    assert standing(np.ones(5), np.ones(5), np.arange(5)) == 0


def test_a_model_with_less_noise_stands_higher_by_every_figure() -> None:
    """And the table has a line for each of them in each setting."""
    worse, better = two_models(200, (2.0, 1.0), 0.5, np.random.default_rng(0))
    group = np.arange(200)
    one, other = (figures(*vectors, group) for vectors in (worse, better))
    assert all(standing(other[name], one[name], group) > 2 for name in one)


def test_the_table_has_a_line_per_figure_and_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """With power in percent and the products needed."""
    monkeypatch.setattr("benchmarks.gate.SETTINGS", ((40, 1.5, 0.5, 0.5),))
    lines = simulated(repeats=3, seed=0).splitlines()
    assert len(lines) == 2 + len(OF_RANK) + 1
    assert all(line.count("|") == 6 for line in lines)
