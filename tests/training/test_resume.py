"""A training that was interrupted, wherever, ends with the weights of one that was not."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tests.support.small_training import catalogue, small_fit, small_model, weights_of
from vitrina.config import TrainConfig
from vitrina.errors import UserError
from vitrina.model.model import RuCLIP, load_folder
from vitrina.store.paths import to_path
from vitrina.training import loop as training_module
from vitrina.training.checkpoints import Progress, RunFolder
from vitrina.training.validation import Validation

SETTINGS = TrainConfig(
    num_epochs=2,
    batch_size=6,
    lr=3e-3,
    save_every_steps=2,
    log_every_steps=1,
    augment="light",
    text_source="both",
    ema_decay=0.8,
)
ROWS, LAST = 24, "ruCLIP_model_epoch2.pth"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Rows to train on and, after them, rows to validate on."""
    return catalogue(tmp_path_factory.mktemp("catalogue"), ROWS + 10)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> RuCLIP:
    """The base model."""
    return small_model(tmp_path_factory.mktemp("model"), table)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache of decoded images for all tests here."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def trained(table: pd.DataFrame, model: RuCLIP) -> Callable[..., Progress]:
    """A training into a folder, new or taken up."""

    def train(folder: Path, **run: Any) -> Progress:
        return small_fit(table[:ROWS], table[ROWS:], model, folder, SETTINGS, **run)

    return train


def assert_equal_trainings(one: Path, other: Path) -> None:
    """Every tensor of the last checkpoints is equal to the bit, and so are the figures."""
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}
    first, second = (torch.load(folder / LAST, weights_only=True) for folder in (one, other))
    for part in ("model_state_dict", "live_state_dict"):
        assert all(torch.equal(first[part][name], second[part][name]) for name in first[part])
    assert first["progress"] == second["progress"]
    moments = [content["optimizer_state_dict"]["state"] for content in (first, second)]
    assert all(
        torch.equal(moments[0][index]["exp_avg"], moments[1][index]["exp_avg"])
        for index in moments[0]
    )
    final = [load_folder(folder / "ruclip").clip.state_dict() for folder in (one, other)]
    assert all(torch.equal(final[0][name], final[1][name]) for name in final[0])


def validated_epochs(folder: Path) -> list[int]:
    """The epochs whose validation stands in metrics.jsonl."""
    figures = pd.read_json(folder / "metrics.jsonl", lines=True)
    return figures.dropna(subset="validation/mean_recall")["epoch"].tolist()


KILLED = """
import os, signal, sys
from pathlib import Path
import pandas as pd
from tasks.config import TrainConfig
from tasks.learning.model import load_folder
from tests.support.small_training import small_fit

folder = Path(sys.argv[1])
table = pd.read_parquet(folder / "table.parquet")
settings = TrainConfig.model_validate_json((folder / "config.json").read_text())

def kill(step, steps):
    if step == 7:
        os.kill(os.getpid(), signal.SIGKILL)

model = load_folder(Path(sys.argv[2]))
small_fit(table[:24], table[24:], model, folder / "out", settings, on_step=kill)
"""


def test_killed_in_mid_epoch_it_goes_on_from_its_last_step_to_equal_weights(
    table: pd.DataFrame, model: RuCLIP, trained: Callable[..., Progress], tmp_path: Path
) -> None:
    """kill -9 after step 7 of 8, checkpoint at step 6: resumed there, equal to the bit."""
    table.to_parquet(tmp_path / "table.parquet")
    (tmp_path / "config.json").write_text(SETTINGS.model_dump_json())
    arguments = [sys.executable, "-c", KILLED, str(tmp_path), str(model.tokenizer_path.parent)]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert ended.returncode == -9, ended.stderr
    out = tmp_path / "out"
    assert (out / "resume.pth").exists()
    assert not (out / LAST).exists()
    seen: list[int] = []
    trained(out, on_step=lambda step, _steps: seen.append(step))
    assert seen == [7, 8]
    assert not (out / "resume.pth").exists()
    trained(tmp_path / "whole")
    assert_equal_trainings(out, tmp_path / "whole")


class CancelledError(BaseException):
    """What a cancelled Prefect run raises: no Exception."""


@pytest.mark.parametrize("at", [1, 4, 5])
def test_a_cancelled_run_saves_its_last_step(
    trained: Callable[..., Progress], tmp_path: Path, at: int
) -> None:
    """A BaseException between steps: what was done is saved, raised again, and gone on from."""

    def cancel(step: int, _steps: int) -> None:
        if step == at:
            raise CancelledError

    with pytest.raises(CancelledError):
        trained(tmp_path / "out", on_step=cancel)
    seen: list[int] = []
    trained(tmp_path / "out", on_step=lambda step, _steps: seen.append(step))
    assert seen == list(range(at + 1, 9))
    trained(tmp_path / "whole")
    assert_equal_trainings(tmp_path / "out", tmp_path / "whole")


@pytest.mark.parametrize(("owner", "method"), [(Validation, "run"), (RunFolder, "save")])
def test_interrupted_at_the_end_of_an_epoch_nothing_of_it_is_skipped(
    trained: Callable[..., Progress],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    method: str,
) -> None:
    """Cancelled while validating or saving after the last step: both are done on the next start."""
    original, calls = getattr(owner, method), []

    def cancelled(self: Any, *arguments: Any) -> Any:
        calls.append(arguments)
        # The base's validation is the first; the saves before an epoch's are those within it.
        if len(calls) == 2:
            raise CancelledError
        return original(self, *arguments)

    monkeypatch.setattr(owner, method, cancelled)
    with pytest.raises(CancelledError):
        trained(tmp_path / "out")
    monkeypatch.undo()
    trained(tmp_path / "out")
    trained(tmp_path / "whole")
    assert_equal_trainings(tmp_path / "out", tmp_path / "whole")
    assert validated_epochs(tmp_path / "out") == [0, 1, 2]


def test_an_update_that_was_cut_in_two_is_not_saved(
    trained: Callable[..., Progress], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelled amid the optimiser's step, the half-moved weights do not reach a checkpoint."""
    original, calls = torch.optim.AdamW.step, []

    def cut(self: torch.optim.AdamW, *arguments: Any) -> Any:
        calls.append(arguments)
        result = original(self, *arguments)
        if len(calls) == 4:
            raise CancelledError
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", cut)
    with pytest.raises(CancelledError):
        trained(tmp_path / "out")
    monkeypatch.undo()
    saved = torch.load(tmp_path / "out" / "resume.pth", weights_only=True)
    assert saved["progress"]["step"] == 2
    trained(tmp_path / "out")
    trained(tmp_path / "whole")
    assert_equal_trainings(tmp_path / "out", tmp_path / "whole")


def test_a_finished_training_is_not_trained_again(
    trained: Callable[..., Progress], tmp_path: Path
) -> None:
    """Started once more, it takes no step and says the same."""
    first = trained(tmp_path)
    before = weights_of(tmp_path, LAST)
    seen: list[int] = []
    assert trained(tmp_path, on_step=lambda step, _steps: seen.append(step)) == first
    assert seen == []
    after = weights_of(tmp_path, LAST)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_time_decides_when_to_save_if_steps_do_not(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without save_every_steps a checkpoint is written within an epoch once time has passed."""
    monkeypatch.setattr(training_module, "SAVE_SECONDS", 0)
    saved: list[str] = []
    save = RunFolder.save
    monkeypatch.setattr(
        RunFolder,
        "save",
        lambda self, name, content: (saved.append(name), save(self, name, content)),
    )
    settings = SETTINGS.model_copy(update={"save_every_steps": 0, "num_epochs": 1})
    small_fit(table[:ROWS], table[ROWS:], model, tmp_path, settings)
    assert saved == ["resume.pth"] * 3 + ["ruCLIP_model_epoch1.pth"]


def test_another_training_in_the_folder_is_refused_by_what_differs(
    trained: Callable[..., Progress], tmp_path: Path
) -> None:
    """A folder in use is left alone unless it may be overwritten; foreign files always are."""
    trained(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    changed = SETTINGS.model_copy(update={"lr": 1e-5}).content()
    other = RunFolder(to_path(tmp_path), "other", {"parameters": changed})
    with pytest.raises(UserError, match=r"lr 0\.003 → 1e-05.*--overwrite"):
        other.claim()
    RunFolder(to_path(tmp_path), "key", {}).claim()
    assert (tmp_path / LAST).exists()
    other.claim(overwrite=True)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["notes.txt"]
