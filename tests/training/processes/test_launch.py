"""Where a training is started; tests/slow starts several processes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitrina.errors import UserError
from vitrina.training.distributed import LostProcessError
from vitrina.training.processes import launch, ray_workers
from vitrina.training.request import TrainingRequest

Requests = Callable[..., TrainingRequest]


def test_one_process_is_this_one_and_reports_its_steps(request_for: Requests) -> None:
    """No process is started, so the caller's progress moves."""
    request, steps = request_for(), []
    launch.launch(request, lambda done, _total: steps.append(done))
    assert steps == list(range(1, len(steps) + 1))
    assert (Path(request.folder) / "ruclip" / "pytorch_model.bin").is_file()


def test_the_launcher_decides_who_starts_several(
    request_for: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchrun on this machine, or the workers of a Ray cluster."""
    started: list[str] = []
    monkeypatch.setattr(launch, "launch_torchrun", lambda _request: started.append("torchrun"))
    monkeypatch.setattr(ray_workers, "launch", lambda _request: started.append("ray"))
    launch.launch(request_for(processes=2))
    launch.launch(request_for(processes=2, launcher="ray"))
    assert started == ["torchrun", "ray"]


def standing_in(code: str, seen: list[list[str]]) -> Any:
    """Starts a Python program instead of torchrun, with the arguments and variables of torchrun."""
    popen = subprocess.Popen

    def start(command: list[str], env: dict[str, str]) -> Any:
        seen.append(command)
        return popen([sys.executable, "-c", code, command[-1]], env=env)

    return start


def test_a_users_error_of_a_process_is_raised_here(
    request_for: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process gets the request as a file, and what it writes to the error file is the error."""
    code = (
        "import os, pathlib, sys; text = pathlib.Path(sys.argv[1]).read_text(); "
        "pathlib.Path(os.environ['VITRINA_ERROR_FILE']).write_text('7.jpg is damaged ' + text); "
        "sys.exit(1)"
    )
    seen: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", standing_in(code, seen))
    request = request_for(processes=2)
    with pytest.raises(UserError, match=r"7\.jpg is damaged") as caught:
        launch.launch_torchrun(request)
    sent = str(caught.value).removeprefix("7.jpg is damaged ")
    assert TrainingRequest.model_validate_json(sent) == request
    command = " ".join(seen[0])
    assert "torch.distributed.run --standalone --nproc-per-node 2" in command
    assert "-m vitrina.training.processes.torchrun" in command


def test_a_process_that_dies_is_worth_a_retry(
    request_for: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an error file its exit code is all there is to say; it is a lost connection."""
    monkeypatch.setattr(subprocess, "Popen", standing_in("raise SystemExit(9)", []))
    with pytest.raises(LostProcessError, match="exit code 9"):
        launch.launch_torchrun(request_for(processes=2))
    assert issubclass(LostProcessError, ConnectionError)


def test_the_processes_share_the_cores(
    request_for: Requests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gets its part of the threads, unless the user has set a number."""
    code = (
        "import os, pathlib; "
        "pathlib.Path(os.environ['VITRINA_ERROR_FILE']).write_text(os.environ['OMP_NUM_THREADS'])"
    )
    monkeypatch.setattr(subprocess, "Popen", standing_in(code, []))
    monkeypatch.setattr(launch, "cpu_count", lambda: 9)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with pytest.raises(UserError, match=r"^4$"):
        launch.launch_torchrun(request_for(processes=2))
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "3")
    with pytest.raises(UserError, match=r"^3$"):
        launch.launch_torchrun(request_for(processes=2))
