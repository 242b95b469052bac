"""When a checkpoint is written, and which ones are kept."""

from pathlib import Path

import pytest

from tests.support.small_training import Train, small_config
from vitrina.store.paths import to_path
from vitrina.training import checkpoint_writer
from vitrina.training.checkpoints import RunFolder, epoch_checkpoints


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the checkpoints in the order in which they are written."""
    names: list[str] = []
    save = RunFolder.save
    monkeypatch.setattr(
        RunFolder,
        "save",
        lambda self, name, content: (names.append(name), save(self, name, content)),
    )
    return names


def test_time_decides_when_to_save_if_steps_do_not(
    train: Train, saved: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without save_every_steps a checkpoint is written within an epoch once time has passed."""
    monkeypatch.setattr(checkpoint_writer, "SAVE_SECONDS", 0)
    train(tmp_path, small_config(num_epochs=1, batch_size=6))
    assert saved == ["resume.pth"] * 3 + ["ruCLIP_model_epoch1.pth"]


def test_steps_decide_when_to_save_if_they_are_set(
    train: Train, saved: list[str], tmp_path: Path
) -> None:
    """With save_every_steps 2, an epoch of four steps is saved in its middle and at its end."""
    train(tmp_path, small_config(num_epochs=1, batch_size=6, save_every_steps=2))
    assert saved == ["resume.pth", "ruCLIP_model_epoch1.pth"]


@pytest.mark.parametrize(("keep", "kept"), [(1, {1, 4}), (2, {1, 3, 4}), (0, {1, 2, 3, 4})])
def test_only_as_many_checkpoints_are_kept_as_asked_for(
    train: Train, tmp_path: Path, keep: int, kept: set[int]
) -> None:
    """The newest ones and the best, which at a rate that learns nothing is the first."""
    config = small_config(num_epochs=4, lr=1e-12, patience=0, keep_checkpoints=keep)
    progress = train(tmp_path, config)
    assert progress.best_checkpoint == "ruCLIP_model_epoch1.pth"
    assert set(epoch_checkpoints(to_path(tmp_path))) == {
        f"ruCLIP_model_epoch{epoch}.pth" for epoch in kept
    }
    assert (tmp_path / "ruclip" / "config.json").is_file()
