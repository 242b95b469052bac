"""The folder of a training: whose it is, what is in it, and what may take it over."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from upath import UPath

from tests.support.small_training import Train, small_config
from vitrina.errors import UserError
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import Progress, RunFolder, epoch_checkpoints, on_cpu

INPUTS = {"table": "t", "code": "new", "parameters": {"lr": 0.003, "num_epochs": 1}}


def written(folder: UPath, **state: Any) -> None:
    """A state.json with these values."""
    write_bytes(folder / "state.json", json.dumps(state).encode())


def test_another_training_in_the_folder_is_refused_by_what_differs(
    train: Train, tmp_path: Path
) -> None:
    """A folder in use is left alone unless it may be overwritten; foreign files always are."""
    config = small_config(num_epochs=1)
    train(tmp_path, config)
    (tmp_path / "notes.txt").write_text("mine")
    changed = config.model_copy(update={"lr": 1e-5}).content()
    other = RunFolder(to_path(tmp_path), "other", {"parameters": changed})
    with pytest.raises(UserError, match=r"lr 0\.003 → 1e-05.*--overwrite"):
        other.claim()
    RunFolder(to_path(tmp_path), "key", {}).claim()
    assert (tmp_path / "ruCLIP_model_epoch1.pth").exists()
    other.claim(overwrite=True)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["notes.txt"]


def test_a_training_of_other_code_is_refused_by_its_code(place: UPath) -> None:
    """Only the code differs, and the message names nothing else, locally or on S3."""
    RunFolder(place, "a", {**INPUTS, "code": "old"}).write_state(None, Progress(step=3))
    with pytest.raises(UserError, match=r"another training \(different: code old → new\)\. "):
        RunFolder(place, "b", INPUTS).claim()
    RunFolder(place, "a", {**INPUTS, "code": "old"}).claim()


OLD_PROGRESS = {"step": 4, "settled": 4, "epoch": 2, "stale": 0, "mix": 1.0, "curve": {}}


@pytest.mark.parametrize(
    ("state", "different"),
    [
        # As Vitrina wrote it before its inputs held the code and its progress had today's names.
        (
            {
                "key": "old",
                "checkpoint": "ruCLIP_model_epoch2.pth",
                "progress": OLD_PROGRESS,
                "inputs": {"table": "t", "parameters": {"lr": 0.003, "fit": "crop"}},
            },
            "code None → new, fit crop → None, num_epochs None → 1",
        ),
        # The key of today, with a progress that cannot be read.
        (
            {"key": "today", "checkpoint": None, "progress": OLD_PROGRESS, "inputs": INPUTS},
            "the version of Vitrina that wrote it",
        ),
        ({"step": 4}, "the version of Vitrina that wrote it"),
        ({"key": "old", "inputs": None}, "the version of Vitrina that wrote it"),
    ],
    ids=["older names", "unreadable progress", "no key", "no inputs"],
)
def test_the_state_of_an_older_version_is_refused_or_replaced(
    tmp_path: Path, state: dict[str, Any], different: str
) -> None:
    """Whatever keys it has, the answer is the same clear message, and --overwrite removes it."""
    run_folder = RunFolder(to_path(tmp_path), "today", INPUTS)
    written(to_path(tmp_path), **state)
    (tmp_path / "ruCLIP_model_epoch2.pth").write_bytes(b"weights")
    with pytest.raises(UserError) as caught:
        run_folder.claim()
    assert str(caught.value).startswith(
        f"{tmp_path} holds another training (different: {different}). "
    )
    assert "--overwrite" in str(caught.value)
    with pytest.raises(UserError, match="another version of Vitrina"):
        run_folder.read_state()
    run_folder.claim(overwrite=True)
    assert list(tmp_path.iterdir()) == []
    assert run_folder.read_state() == (None, Progress())


@pytest.mark.parametrize("content", [b"", b"not JSON", b"[1, 2]", b"\xff"])
def test_a_state_that_is_not_a_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    """Such a file does not end in a traceback either."""
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(UserError, match="holds another training"):
        RunFolder(to_path(tmp_path), "today", INPUTS).claim()


def test_the_state_names_the_checkpoint_only_while_it_is_there(place: UPath) -> None:
    """What was recorded is read again; a checkpoint that is gone is not resumed from."""
    run_folder = RunFolder(place, "key", INPUTS)
    progress = Progress(step=7, best={"mean_recall": 0.5}, alpha_metrics={"1": {"mean_mrr": 0.1}})
    content = {"progress": dataclasses.asdict(progress), "weights": torch.arange(3.0)}
    run_folder.save("ruCLIP_model_epoch1.pth", content)
    run_folder.write_state("ruCLIP_model_epoch1.pth", progress)
    run_folder.claim()
    assert run_folder.read_state() == ("ruCLIP_model_epoch1.pth", progress)
    loaded = run_folder.load("ruCLIP_model_epoch1.pth")
    assert torch.equal(loaded["weights"], torch.arange(3.0))
    assert loaded["progress"] == content["progress"]
    assert epoch_checkpoints(place) == ["ruCLIP_model_epoch1.pth"]
    path = place / "ruCLIP_model_epoch1.pth"
    path.fs.rm_file(path.path)
    assert run_folder.read_state() == (None, progress)


def test_tensors_are_found_in_whatever_holds_them() -> None:
    """Nested values of an optimiser's state come to the CPU without their graph."""
    weight = torch.ones(2, requires_grad=True)
    moved = on_cpu({"state": {0: {"step": 3, "exp_avg": [weight]}}})
    assert moved["state"][0]["step"] == 3
    assert torch.equal(moved["state"][0]["exp_avg"][0], torch.ones(2))
    assert not moved["state"][0]["exp_avg"][0].requires_grad
