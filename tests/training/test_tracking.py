"""Where the metrics of a training go: metrics.jsonl and wandb."""

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from upath import UPath

from tests.support.small_training import Train, small_config
from vitrina.training import tracking
from vitrina.training.checkpoints import Progress
from vitrina.training.tracking import MetricsFile, WandbTracker


def test_wandb_without_a_key_logs_offline_and_says_how_to_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No account is needed: the run is in its folder, with the command that uploads it."""
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    with caplog.at_level(logging.INFO, "vitrina"):
        tracker = WandbTracker("test", "abc", {"lr": 1}, tmp_path)
        tracker.log({"step": 1, "loss": 2.0})
        tracker.finish()
    message = next(message for message in caplog.messages if "wandb sync" in message)
    folder = Path(message.split("wandb sync ")[1])
    assert list(folder.glob("*.wandb"))
    assert tmp_path in folder.parents


def test_a_key_without_a_network_is_told_once_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody listens at the server's address: within seconds the run is an offline one."""
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
    started = time.monotonic()
    with caplog.at_level(logging.INFO, "vitrina"):
        tracker = WandbTracker("test", "abc", {"lr": 1}, tmp_path)
        tracker.log({"step": 1, "loss": 2.0})
        tracker.finish()
    assert time.monotonic() - started < 20
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("vitrina")]
    told = [message for message in ours if "offline" in message]
    assert [("does not answer" in one, "wandb sync" in one) for one in told] == [
        (True, False),
        (False, True),
    ]
    assert list(Path(told[1].split("wandb sync ")[1]).glob("*.wandb"))


@pytest.fixture
def refusing_server() -> Iterator[str]:
    """A server that answers every request with an error, as to a wrong key."""

    class Refuse(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(401)

        def do_HEAD(self) -> None:
            self.send_error(401)

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("chosen", ["", "online"])
def test_a_run_that_cannot_start_online_is_kept_offline(
    chosen: str,
    refusing_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server answers, but refuses the key; what is logged is in the folder of the run."""
    wandb = pytest.importorskip("wandb")
    wandb.teardown()  # what an earlier test has it believe
    monkeypatch.setenv("WANDB_MODE", chosen)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", refusing_server)
    with caplog.at_level(logging.INFO, "vitrina"):
        tracker = WandbTracker("test", "abc", {"lr": 1}, tmp_path)
        tracker.log({"step": 1, "loss": 2.0})
        tracker.finish()
    wandb.teardown()
    assert "wandb does not start online, so it is offline" in caplog.text
    (told,) = [one for one in caplog.messages if "wandb sync" in one and "vitrina" not in one]
    assert list(Path(told.split("wandb sync ")[1]).glob("*.wandb"))
    assert os.environ["WANDB_MODE"] == chosen


def test_what_could_not_be_uploaded_is_told_with_its_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network went away during the run: the end of the training waits a minute at most."""

    class StuckRun:
        dir = str(tmp_path / "run" / "files")

        def finish(self) -> None:
            raise TimeoutError

    monkeypatch.setattr(tracking, "wandb_mode", lambda: "online")
    monkeypatch.setattr(tracking, "start_wandb", lambda *_mode, **_run: StuckRun())
    WandbTracker("test", "abc", {}, tmp_path).finish()
    assert f"not uploaded everything; to do so later: wandb sync {tmp_path / 'run'}" in caplog.text


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
