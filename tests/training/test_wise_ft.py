"""Interpolations between base and fine-tuned weights, and the choice among them."""

from pathlib import Path

import torch

from tests.support.small_training import Train, small_config, weights_of
from vitrina.model.model import RuCLIP, load_folder
from vitrina.training.wise_ft import best_alpha, by_alpha, interpolate_weights


def test_interpolations_end_at_the_base_and_at_the_fine_tuned_weights() -> None:
    """WiSE-FT's ends are the two models to the bit, its middle their mean."""
    base, tuned = {"a": torch.tensor([1.0, 0.1])}, {"a": torch.tensor([3.0, 0.7])}
    assert torch.equal(interpolate_weights(base, tuned, 0)["a"], base["a"])
    assert torch.equal(interpolate_weights(base, tuned, 1)["a"], tuned["a"])
    torch.testing.assert_close(interpolate_weights(base, tuned, 0.5)["a"], torch.tensor([2.0, 0.4]))
    points = by_alpha(base, tuned, 4, lambda weights: {"first": weights["a"][0].item()})
    assert list(points) == [1, 0.75, 0.5, 0.25, 0]
    assert [metrics["first"] for metrics in points.values()] == [3, 2.5, 2, 1.5, 1]


def test_of_equally_good_interpolations_the_most_fine_tuned_is_chosen() -> None:
    """A tie goes to the larger alpha; a better mean reciprocal rank breaks a tie in recall."""
    equal, recall = {"mean_recall_at_1": 0.5, "mean_mrr": 0.4}, "mean_recall_at_1"
    assert best_alpha({1.0: equal, 0.5: equal, 0.0: equal}, "mean_recall_at_1") == 1
    better_mrr = {1.0: equal, 0.5: equal | {"mean_mrr": 0.41}, 0.0: equal}
    assert best_alpha(better_mrr, "mean_recall_at_1") == 0.5
    better_recall = {1.0: equal, 0.5: equal, 0.0: equal | {recall: 0.6}}
    assert best_alpha(better_recall, "mean_recall_at_1") == 0


def test_the_interpolation_is_chosen_on_validation_and_all_are_recorded(
    train: Train, model: RuCLIP, tmp_path: Path
) -> None:
    """Every interpolation is validated; the ends have the base's and the best epoch's metrics."""
    progress = train(tmp_path, small_config(wise_ft_points=4))
    assert list(progress.alpha_metrics) == ["1", "0.75", "0.5", "0.25", "0"]
    assert progress.alpha_metrics["0"] == progress.base
    assert progress.best == progress.alpha_metrics[f"{progress.wise_ft_alpha:g}"]
    assert progress.best["mean_geometric_rank"] == min(
        metrics["mean_geometric_rank"] for metrics in progress.alpha_metrics.values()
    )
    base = model.clip.state_dict()["visual.proj"]
    tuned = weights_of(tmp_path, progress.best_checkpoint)["visual.proj"]
    final = load_folder(tmp_path / "ruclip").clip.state_dict()["visual.proj"]
    torch.testing.assert_close(final, base.lerp(tuned, progress.wise_ft_alpha))
