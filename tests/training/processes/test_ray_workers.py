"""What a Ray worker of a training runs; tests/slow starts a cluster."""

import json
from collections.abc import Callable
from pathlib import Path

from vitrina.training.processes.ray_workers import _run_worker
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
