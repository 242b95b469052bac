"""The training loop: early stop, the best weights, and resuming to equal weights."""

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from tests.support.processes import ROOT
from tests.support.small_training import (
    ROWS,
    Train,
    records,
    small_config,
    small_fine_tune,
    weights_of,
)
from tests.support.typed_queries import small_queries
from vitrina.config.training import TrainConfig
from vitrina.model.model import load_folder
from vitrina.training.checkpoints import RunFolder
from vitrina.training.data.queries import TrainingQueries
from vitrina.training.validation import Validation

RESUMABLE = TrainConfig(
    num_epochs=2,
    batch_size=6,
    lr=3e-3,
    save_every_steps=2,
    log_every_steps=1,
    augment="light",
    text_source="both",
    ema_decay=0.8,
)
LAST = "ruCLIP_model_epoch2.pth"


@pytest.fixture(scope="module", params=["titles", "bfloat16", "queries", "hard negatives"])
def kind(request: pytest.FixtureRequest) -> str:
    """What a training learns from, in what order, or in what arithmetic."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def queries(kind: str, table: pd.DataFrame) -> TrainingQueries | None:
    """Queries for the listings to learn from, if it is not from titles alone."""
    return small_queries(table, ROWS) if kind in ("queries", "hard negatives") else None


@pytest.fixture(scope="module")
def resumable(kind: str) -> TrainConfig:
    """With hard negatives the order of an epoch also follows from the weights at its start."""
    changes: dict[str, dict[str, Any]] = {
        "hard negatives": {"hard_negatives": 0.5, "hard_negative_rows": 20},
        "bfloat16": {"precision": "bfloat16"},
    }
    return RESUMABLE.model_copy(update=changes.get(kind, {}))


@pytest.fixture
def resume(train: Train, queries: TrainingQueries | None) -> Train:
    """A training with or without queries; new or resumed."""
    return functools.partial(train, queries=queries)


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory,
    table: pd.DataFrame,
    base_folder: Path,
    queries: TrainingQueries | None,
    resumable: TrainConfig,
) -> Path:
    """The folder of a training that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITRINA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        model = load_folder(base_folder)
        small_fine_tune(table[:ROWS], table[ROWS:], model, folder, resumable, queries=queries)
    return folder


def assert_equal_trainings(one: Path, other: Path) -> None:
    """Every tensor of the last checkpoints is equal to the bit, and so are the metrics."""
    assert {path.name for path in one.iterdir()} == {path.name for path in other.iterdir()}
    first, second = (torch.load(folder / LAST, weights_only=True) for folder in (one, other))
    for part in ("model_state_dict", "live_state_dict"):
        assert all(torch.equal(first[part][name], second[part][name]) for name in first[part])
    assert first["progress"] == second["progress"]
    moments = [content["optimizer_state_dict"]["state"] for content in (first, second)]
    torch.testing.assert_close(*moments, rtol=0, atol=0)
    final = [load_folder(folder / "ruclip").clip.state_dict() for folder in (one, other)]
    assert all(torch.equal(final[0][name], final[1][name]) for name in final[0])


def validated_epochs(folder: Path) -> list[int]:
    """The epochs whose validation is in metrics.jsonl."""
    metrics = pd.read_json(folder / "metrics.jsonl", lines=True)
    epochs: list[int] = metrics.dropna(subset="validation/mean_recall")["epoch"].tolist()
    return epochs


def test_early_stop_keeps_the_best_epoch_and_not_the_last(train: Train, tmp_path: Path) -> None:
    """A rate that destroys the model stops it after the patience; the best epoch is kept."""
    epochs = 40  # a destroyed model's rank wobbles, so a new best may come late
    progress = train(
        tmp_path, small_config(num_epochs=epochs, lr=1.0, patience=2, max_grad_norm=0, warmup=0)
    )
    assert progress.stopped
    assert progress.epoch == progress.best_epoch + 2 < epochs
    best = weights_of(tmp_path, f"ruCLIP_model_epoch{progress.best_epoch}.pth")
    last = weights_of(tmp_path, f"ruCLIP_model_epoch{progress.epoch}.pth")
    final = load_folder(tmp_path / "ruclip").clip.state_dict()
    assert all(torch.equal(best[name], final[name]) for name in best)
    assert not all(torch.equal(best[name], last[name]) for name in best)


def test_validation_within_epochs_can_keep_a_step_between_them(
    train: Train, tmp_path: Path
) -> None:
    """With a validation each step, the best step's weights are kept even within an epoch."""
    config = small_config(num_epochs=1, lr=0.3, validate_every_steps=1, patience=0, warmup=0)
    progress = train(tmp_path, config)
    validated = [record for record in records(tmp_path) if "validation/mean_recall" in record]
    assert [record["step"] for record in validated] == [0, 1, 2, 3]
    best = min(
        validated[1:],
        key=lambda record: (
            record["validation/mean_geometric_rank"],
            -record["validation/mean_mrr"],
        ),
    )
    kept = torch.load(tmp_path / progress.best_checkpoint, weights_only=True)
    assert kept["progress"]["step"] == best["step"]
    final = load_folder(tmp_path / "ruclip").clip.state_dict()
    assert torch.equal(kept["model_state_dict"]["visual.proj"], final["visual.proj"])


KILLED = """
import os, signal, sys
from pathlib import Path
import pandas as pd
from vitrina.config.training import TrainConfig
from vitrina.model.model import load_folder
from tests.support.small_training import small_fine_tune
from tests.support.typed_queries import small_queries

folder = Path(sys.argv[1])
table = pd.read_parquet(folder / "table.parquet")
config = TrainConfig.model_validate_json((folder / "config.json").read_text())

def kill(step, steps):
    if step == 7:
        os.kill(os.getpid(), signal.SIGKILL)

model = load_folder(Path(sys.argv[2]))
queries = small_queries(table, 24) if sys.argv[3] == "queries" else None
out = folder / "out"
small_fine_tune(table[:24], table[24:], model, out, config, queries=queries, on_step=kill)
"""


@pytest.mark.slow
def test_killed_in_mid_epoch_it_resumes_from_its_last_checkpoint_to_equal_weights(
    table: pd.DataFrame,
    base_folder: Path,
    resume: Train,
    queries: TrainingQueries | None,
    resumable: TrainConfig,
    whole: Path,
    tmp_path: Path,
) -> None:
    """kill -9 after step 7 of 8, checkpoint at step 6: resumed there, equal to the bit."""
    table.to_parquet(tmp_path / "table.parquet")
    (tmp_path / "config.json").write_text(resumable.model_dump_json())
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(base_folder)]
    command.append("queries" if queries else "titles")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # as here: sums depend on it
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == -9, ended.stderr
    out = tmp_path / "out"
    assert (out / "resume.pth").exists()
    assert not (out / LAST).exists()
    steps: list[int] = []
    resume(out, resumable, on_step=lambda step, _steps: steps.append(step))
    assert steps == [7, 8]
    assert not (out / "resume.pth").exists()
    assert_equal_trainings(out, whole)


class CancelledError(BaseException):
    """What a cancelled Prefect run raises: not an Exception."""


@pytest.mark.parametrize("at", [1, 4, 5])
def test_a_cancelled_run_saves_its_last_step(
    resume: Train, resumable: TrainConfig, whole: Path, tmp_path: Path, at: int
) -> None:
    """A BaseException between steps: the last step is saved, the error raised, the rest resumed."""

    def cancel(step: int, _steps: int) -> None:
        if step == at:
            raise CancelledError

    with pytest.raises(CancelledError):
        resume(tmp_path, resumable, on_step=cancel)
    steps: list[int] = []
    resume(tmp_path, resumable, on_step=lambda step, _steps: steps.append(step))
    assert steps == list(range(at + 1, 9))
    assert_equal_trainings(tmp_path, whole)


@pytest.mark.parametrize(("owner", "method"), [(Validation, "run"), (RunFolder, "save")])
def test_interrupted_at_the_end_of_an_epoch_nothing_of_it_is_skipped(
    resume: Train,
    resumable: TrainConfig,
    whole: Path,
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

    with monkeypatch.context() as patch:
        patch.setattr(owner, method, cancelled)
        with pytest.raises(CancelledError):
            resume(tmp_path, resumable)
    resume(tmp_path, resumable)
    assert_equal_trainings(tmp_path, whole)
    assert validated_epochs(tmp_path) == [0, 1, 2]


def test_an_update_that_was_cut_in_two_is_not_saved(
    resume: Train,
    resumable: TrainConfig,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cancelled amid the optimiser's step, the half-moved weights do not reach a checkpoint."""
    original, calls = torch.optim.AdamW.step, []

    def cut(self: torch.optim.AdamW, *arguments: Any) -> Any:
        calls.append(arguments)
        result = original(self, *arguments)
        if len(calls) == 4:
            raise CancelledError
        return result

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", cut)
        with pytest.raises(CancelledError):
            resume(tmp_path, resumable)
    saved = torch.load(tmp_path / "resume.pth", weights_only=True)
    assert saved["progress"]["step"] == 2
    resume(tmp_path, resumable)
    assert_equal_trainings(tmp_path, whole)


def test_a_finished_training_is_not_trained_again(
    resume: Train, resumable: TrainConfig, tmp_path: Path
) -> None:
    """Started once more, it takes no step and returns the same progress."""
    first = resume(tmp_path, resumable)
    before = weights_of(tmp_path, LAST)
    steps: list[int] = []
    second = resume(tmp_path, resumable, on_step=lambda step, _steps: steps.append(step))
    assert second == first
    assert steps == []
    after = weights_of(tmp_path, LAST)
    assert all(torch.equal(before[name], after[name]) for name in before)
