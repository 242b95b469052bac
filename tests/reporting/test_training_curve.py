"""The training curves: one for each kind of data that there is."""

from pathlib import Path

import pytest

from tests.support.run_results import RECORDS, run_results
from vitrina.reporting.language import Words
from vitrina.reporting.training_curve import draw_training, training_curves
from vitrina.results import TrainResult
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import Progress, RunFolder


@pytest.fixture
def trained(tmp_path: Path) -> TrainResult:
    """A training whose folder has its metrics.jsonl."""
    return run_results(tmp_path).trained


@pytest.mark.parametrize(
    ("records", "captions"),
    [
        (RECORDS, ["Loss", "Recall on validation rows"]),
        (RECORDS[1:2], ["Loss"]),
        (RECORDS[:1], ["Loss", "Recall on validation rows"]),
        (RECORDS[1:3], ["Loss"]),
    ],
)
def test_a_training_of_any_length_has_curves(
    records: list[dict[str, float]], captions: list[str]
) -> None:
    """One step, no validation, validation alone."""
    curves = training_curves(records)
    assert list(curves) == captions
    assert all(b"<path" in svg for svg in curves.values())


def test_the_curves_are_drawn_from_the_trainings_own_file(trained: TrainResult) -> None:
    """metrics.jsonl of the run's folder gives loss and recall; the last recall is in the legend."""
    curves = draw_training(trained)
    assert curves == training_curves(RECORDS)
    assert ">@1: 0.600<" in curves["Recall on validation rows"].decode()


def test_recall_by_alpha_is_drawn(trained: TrainResult) -> None:
    """With WiSE-FT, the training's state has metrics by alpha: a third curve, of its values."""
    metrics = [{f"mean_recall_at_{k}": k / 20 + step / 4 for k in (1, 5, 10)} for step in (0, 1, 2)]
    alpha_metrics = dict(zip(("1", "0.5", "0"), metrics, strict=True))
    folder = RunFolder(to_path(trained.folder), "key", {})
    folder.write_state(None, Progress(wise_ft_alpha=0.5, alpha_metrics=alpha_metrics))
    curves = draw_training(trained)
    assert curves == training_curves(RECORDS, alpha_metrics)
    assert list(curves)[2:] == ["Recall by WiSE-FT alpha"]
    flat = {alpha: dict.fromkeys(metrics[0], 0.5) for alpha in alpha_metrics}
    assert training_curves(RECORDS, flat) != curves


def test_the_curves_speak_the_reports_language() -> None:
    """Captions, axes and numbers."""
    curves = training_curves(RECORDS, words=Words("ru"))
    assert ">шаг<" in curves["Функция потерь"].decode()
    assert ">@1: 0,600<" in curves["Recall на проверочных строках"].decode()
