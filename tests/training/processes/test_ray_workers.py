"""What a Ray worker of a training runs; tests/slow starts a cluster."""

import json
from collections.abc import Callable
from pathlib import Path

from vitrina.training.processes.ray_workers import _missing, _run_worker
from vitrina.training.request import TrainingRequest


def test_a_worker_runs_the_request_that_is_sent_to_it(
    request_for: Callable[..., TrainingRequest],
) -> None:
    """It travels as JSON, as Ray Train passes a loop's configuration, and trains the same."""
    request = request_for()
    _run_worker({"request": request.model_dump_json()})
    state = json.loads((Path(request.folder) / "state.json").read_text())
    assert state["key"] == request.key
    assert state["progress"]["step"] > 0


def test_a_cluster_that_is_too_small_is_said_to_be() -> None:
    """Ray itself would wait for it without a word; its counts are floats, and none is left out."""
    assert _missing({"CPU": 4.0, "GPU": 2.0}, "GPU", 2) == ""
    assert _missing({"CPU": 1.0}, "CPU", 2) == (
        "2 processes need a CPU each and the Ray cluster has 1"
    )
    assert "has 0" in _missing({"CPU": 8.0}, "GPU", 1)
