"""The training curve: a panel for each kind of data that there is."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.run_results import RECORDS, run_results
from vitrina.reporting.training_curve import draw_training, training_curve
from vitrina.results import TrainResult
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import Progress, RunFolder


@pytest.fixture
def trained(tmp_path: Path) -> TrainResult:
    """A training whose folder has its metrics.jsonl."""
    return run_results(tmp_path).trained


@pytest.mark.parametrize("records", [RECORDS, RECORDS[1:2], RECORDS[:1], RECORDS[1:3]])
def test_a_training_of_any_length_has_a_curve(records: list[dict[str, float]]) -> None:
    """One step, no validation, validation alone: an image each time."""
    image = np.asarray(Image.open(io.BytesIO(training_curve(records))).convert("L"))
    assert image.std() > 5


def test_the_curve_is_drawn_from_the_trainings_own_file(trained: TrainResult) -> None:
    """metrics.jsonl of the run's folder gives loss and recall."""
    assert draw_training(trained) == training_curve(RECORDS)


def test_recall_by_alpha_is_drawn(trained: TrainResult) -> None:
    """With WiSE-FT, the training's state has metrics by alpha: a third panel, of its values."""
    metrics = [{f"mean_recall_at_{k}": k / 20 + step / 4 for k in (1, 5, 10)} for step in (0, 1, 2)]
    alpha_metrics = dict(zip(("1", "0.5", "0"), metrics, strict=True))
    folder = RunFolder(to_path(trained.folder), "key", {})
    without = draw_training(trained)
    folder.write_state(None, Progress(wise_ft_alpha=0.5, alpha_metrics=alpha_metrics))
    image = draw_training(trained)
    assert image == training_curve(RECORDS, alpha_metrics)
    widths = [Image.open(io.BytesIO(one)).width for one in (without, image)]
    assert widths[1] == widths[0] * 3 / 2
    flat = {alpha: dict.fromkeys(metrics[0], 0.5) for alpha in alpha_metrics}
    assert training_curve(RECORDS, flat) != image
