"""The process that torchrun starts: it reads its request, and says or saves what ends it."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.files import write_bytes
from vitrina.training.job import run_job
from vitrina.training.processes import torchrun
from vitrina.training.request import TrainingRequest

Requests = Callable[..., TrainingRequest]


@pytest.fixture(autouse=True)
def _sigterm() -> Iterator[None]:
    """This process's own answer to SIGTERM, restored."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_it_trains_what_its_file_asks_for(request_for: Requests, place: UPath) -> None:
    """The request is read from a disk or a bucket, and the outcome is in its folder."""
    request = request_for()
    write_bytes(place / "request.json", request.model_dump_json().encode())
    torchrun.main([str(place / "request.json")])
    state = json.loads((Path(request.folder) / "state.json").read_text())
    assert state["key"] == request.key
    assert (Path(request.folder) / "ruclip" / "pytorch_model.bin").is_file()


def test_an_error_for_the_user_is_left_in_a_file(
    request_for: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that started it reads the message there; other errors are only in the log."""
    file, error = tmp_path / "request.json", tmp_path / "error.txt"
    file.write_text(request_for(validation_fraction=0.4, test_fraction=0.59).model_dump_json())
    monkeypatch.setenv(torchrun.ERROR_FILE, str(error))
    monkeypatch.setattr(torchrun, "run_job", _refuse)
    with pytest.raises(UserError, match="images are damaged"):
        torchrun.main([str(file)])
    assert error.read_text() == "images are damaged"


def _refuse(*_arguments: object) -> None:
    raise UserError("images are damaged")


def test_at_sigterm_the_last_step_is_saved(
    request_for: Requests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended from outside after its second step, it leaves that step to resume from."""

    def run_until_ended(request: TrainingRequest, _on_step: Any) -> None:
        def end(step: int, _steps: int) -> None:
            if step == 2:
                os.kill(os.getpid(), signal.SIGTERM)

        run_job(request, end)

    request, file = request_for(num_epochs=2), tmp_path / "request.json"
    file.write_text(request.model_dump_json())
    monkeypatch.setattr(torchrun, "run_job", run_until_ended)
    with pytest.raises(SystemExit) as ended:
        torchrun.main([str(file)])
    assert ended.value.code == 128 + signal.SIGTERM
    saved = torch.load(Path(request.folder) / "resume.pth", weights_only=True)
    assert saved["progress"]["step"] == 2
