"""Where the metrics of a training go: metrics.jsonl and wandb."""

import json
import logging
from pathlib import Path

import pytest
from upath import UPath

from tests.support.small_training import Train, small_config
from vitrina.training.checkpoints import Progress
from vitrina.training.tracking import MetricsFile, WandbTracker, wandb_mode


def test_wandb_without_a_key_logs_offline_and_says_how_to_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No account is needed: the run is in its folder, with the command that uploads it."""
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert wandb_mode() == "offline"
    with caplog.at_level(logging.INFO, "vitrina"):
        tracker = WandbTracker("test", "abc", {"lr": 1}, tmp_path)
        tracker.log({"step": 1, "loss": 2.0})
        tracker.finish()
    message = next(message for message in caplog.messages if "wandb sync" in message)
    folder = Path(message.split("wandb sync ")[1])
    assert list(folder.glob("*.wandb"))
    assert tmp_path in folder.parents


@pytest.mark.parametrize(
    ("environment", "mode"),
    [
        ({"WANDB_MODE": "disabled"}, "disabled"),
        ({"WANDB_API_KEY": "key"}, "online"),
        ({"WANDB_API_KEY": "key", "WANDB_MODE": "offline"}, "offline"),
    ],
)
def test_wandb_follows_its_own_variables(
    environment: dict[str, str], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key turns it on, WANDB_MODE decides."""
    monkeypatch.delenv("WANDB_MODE")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wandb_mode() == mode


@pytest.mark.parametrize("method", ["init", "log"])
def test_a_failing_wandb_ends_no_training(
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
) -> None:
    """What wandb raises, at its start or later, is logged, and the training runs to its end."""
    import wandb

    class BrokenRun:
        dir = str(tmp_path / "wandb" / "files")

        def log(self, *_arguments: object, **_options: object) -> None:
            raise RuntimeError("no space for wandb")

    def init(**_options: object) -> BrokenRun:
        if method == "init":
            raise RuntimeError("no space for wandb")
        return BrokenRun()

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr(wandb, "init", init)
    tracker = WandbTracker("test", "abc", {"lr": 1}, tmp_path / "tracker")
    progress = train(tmp_path / "out", small_config(num_epochs=1), tracker=tracker)
    tracker.finish()
    assert progress.step == 3
    assert "no space for wandb" in caplog.text


def test_metrics_of_steps_that_are_taken_again_are_dropped(place: UPath) -> None:
    """After a resume at step 2 the file has each step once, in a folder or a bucket."""
    metrics = MetricsFile(place)
    for step in (1, 2, 3):
        metrics.log({"step": step, "loss": 1.0})
    metrics.flush()
    again = MetricsFile(place)
    again.resume(Progress(step=2, finalized_step=2))
    again.log({"step": 3, "loss": 0.5})
    again.flush()
    lines = (place / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["loss"] for line in lines] == [1.0, 1.0, 0.5]


def test_a_validation_that_is_done_again_is_dropped(place: UPath) -> None:
    """A step that was taken but not finalized keeps its loss and validates again."""
    metrics = MetricsFile(place)
    metrics.log({"step": 2, "loss": 1.0})
    metrics.log({"step": 2, "validation/mean_recall": 0.5})
    metrics.flush()
    again = MetricsFile(place)
    again.resume(Progress(step=2, finalized_step=1))
    assert again.records == [{"step": 2, "loss": 1.0}]
