"""A whole training: what it writes, what it learns, and what it raises."""

import resource
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from upath import UPath

from tests.support.small_training import (
    ROWS,
    Train,
    records,
    small_config,
    small_fine_tune,
    weights_of,
)
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.model.model import RuCLIP, load_checkpoint, load_folder, ruclip
from vitrina.store.failures import DiskFullError
from vitrina.training.checkpoints import RunFolder
from vitrina.training.fine_tune import check_rows, fine_tune
from vitrina.training.learner import Learner
from vitrina.training.loop import TrainingRun


def test_a_training_writes_what_it_promises(train: Train, tmp_path: Path) -> None:
    """A checkpoint per epoch with tokenizer and configuration, metrics, the best as a folder."""
    progress = train(tmp_path, small_config(log_every_steps=1))
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"ruCLIP_model_epoch{epoch}.pth" for epoch in (1, 2, 3)),
        *("bpe.model", "config.json", "metrics.jsonl", "state.json", "ruclip"),
        *("validation_base.parquet", "validation_best.parquet"),
    }
    content = torch.load(tmp_path / "ruCLIP_model_epoch2.pth", weights_only=True)
    assert content["epoch"] == 2
    assert {"model_state_dict", "optimizer_state_dict", "config", "training"} <= set(content)
    ruclip.CLIP.from_pretrained(str(tmp_path / "ruclip")).load_state_dict(
        content["model_state_dict"]
    )
    best = load_checkpoint(tmp_path / progress.best_checkpoint, None).clip.state_dict()
    final = load_folder(tmp_path / "ruclip").clip.state_dict()
    assert all(torch.equal(best[name], final[name]) for name in best)
    steps = [record for record in records(tmp_path) if "loss" in record]
    assert [record["step"] for record in steps] == list(range(1, 10))
    assert {"loss", "lr", "grad_norm", "logit_scale", "samples_per_second"} <= set(steps[0])
    validated = [record for record in records(tmp_path) if "validation/mean_recall" in record]
    assert [record["epoch"] for record in validated] == [0, 1, 2, 3]
    assert progress.best["mean_geometric_rank"] == min(
        record["validation/mean_geometric_rank"] for record in validated[1:]
    )


def test_training_learns_and_leaves_the_base_alone(
    train: Train, model: RuCLIP, tmp_path: Path
) -> None:
    """The loss falls, and the model that was given keeps its weights."""
    before = {name: tensor.clone() for name, tensor in model.clip.state_dict().items()}
    train(tmp_path, small_config(num_epochs=12, log_every_steps=1))
    losses = [record["loss"] for record in records(tmp_path) if "loss" in record]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    after = model.clip.state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.items())


def test_a_seed_repeats_a_training_to_the_bit(train: Train, tmp_path: Path) -> None:
    """Two trainings of one seed end with equal weights, another seed with others."""
    config = small_config(num_epochs=1, augment="light", text_source="both")
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tmp_path / name, config.model_copy(update={"seed": seed}))
    a, b, c = (weights_of(tmp_path / name, "ruCLIP_model_epoch1.pth") for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_a_training_writes_to_a_bucket_as_to_a_folder(
    table: pd.DataFrame, model: RuCLIP, train: Train, place: UPath, tmp_path: Path
) -> None:
    """The same files with the same weights, local or on S3."""
    config = small_config(num_epochs=1)
    run = TrainingRun(RunFolder(place, "key", {"parameters": config.content()}))
    fine_tune(table[:ROWS], table[ROWS:], model, config, run)
    train(tmp_path / "reference", config)
    content = run.run_folder.load("ruCLIP_model_epoch1.pth")["model_state_dict"]
    expected = weights_of(tmp_path / "reference", "ruCLIP_model_epoch1.pth")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in content.items())
    assert (place / "ruclip" / "pytorch_model.bin").exists()
    assert (place / "metrics.jsonl").exists()


def test_a_loss_that_is_not_finite_names_the_batch_and_keeps_the_last_checkpoint(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken weights in the fifth step: an error with its listings, epoch 1 intact, no more."""
    step = Learner.step

    def breaking(learner: Learner, batch: Any) -> torch.Tensor:
        if learner.progress.step == 4:
            with torch.no_grad():
                learner.clip.visual.proj.fill_(float("nan"))
        return step(learner, batch)

    monkeypatch.setattr(Learner, "step", breaking)
    with pytest.raises(UserError, match=r"loss nan.*batch of nm") as caught:
        train(tmp_path, small_config(log_every_steps=2))
    named = str(caught.value).split("nm ")[1].split(".")[0].split(", ")
    assert len(named) == 8
    assert set(named) <= set(map(str, range(ROWS)))
    kept = weights_of(tmp_path, "ruCLIP_model_epoch1.pth")
    assert all(tensor.isfinite().all() for tensor in kept.values())
    assert not (tmp_path / "resume.pth").exists()
    monkeypatch.undo()
    assert train(tmp_path, small_config(log_every_steps=2)).step == 9


@pytest.mark.parametrize(
    ("chunk_size", "advice"),
    [
        (0, "8 pairs at a time. Set chunk_size to 4"),
        (64, "8 pairs at a time. Set chunk_size to 4"),
        (3, "3 pairs at a time. Set chunk_size to 1"),
        (1, "one pair. Set gradient_checkpointing"),
    ],
)
def test_too_little_gpu_memory_is_answered_with_a_chunk_size(
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chunk_size: int,
    advice: str,
) -> None:
    """What torch raises without GPU memory becomes advice with a number, or a last resort."""

    def full(_learner: Learner, _batch: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Learner, "step", full)
    with pytest.raises(UserError, match=advice):
        train(tmp_path, small_config(chunk_size=chunk_size))


def test_a_missing_image_is_named(table: pd.DataFrame, model: RuCLIP, tmp_path: Path) -> None:
    """A row whose image is missing ends the training with the file's name."""
    broken = table.copy()
    broken.loc[3, ["image_path", "image_hash"]] = [str(tmp_path / "gone.jpg"), "f" * 32]
    with pytest.raises(UserError, match=r"gone\.jpg"):
        small_fine_tune(broken[:ROWS], broken[ROWS:], model, tmp_path / "out", small_config())


def test_one_row_cannot_be_trained_on(table: pd.DataFrame, model: RuCLIP, tmp_path: Path) -> None:
    """A contrast needs two rows."""
    with pytest.raises(UserError, match="at least 2"):
        small_fine_tune(table[:1], table[ROWS:], model, tmp_path, small_config())


def test_without_validation_rows_the_last_epoch_is_the_model(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """Nothing held out, nothing to choose by: the last epoch."""
    config = small_config(wise_ft_points=2)
    progress = small_fine_tune(table[:ROWS], table[:0], model, tmp_path, config)
    assert progress.best_epoch == 3
    assert progress.best == {}


def test_a_batch_must_have_a_row_for_each_process() -> None:
    """A small table gives small batches: 33 rows are two batches of at least 16."""
    config = TrainConfig(batch_size=32)
    check_rows(33, config, 16)
    with pytest.raises(UserError, match="give batches of 16, which 17 processes cannot share"):
        check_rows(33, config, 17)


def test_more_processes_than_rows_of_a_batch_are_refused() -> None:
    """As a wrong value, before anything is read."""
    TrainConfig(batch_size=4, processes=4)
    with pytest.raises(ValidationError, match="5 processes cannot share a batch of 4 pairs"):
        TrainConfig(batch_size=4, processes=5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"same_products": "spread"}, "both decide the order of the rows"),
        ({"batch_size": 8, "hard_negatives": 0.1}, "less than a pair: set hard_negatives to at"),
        ({"hard_negatives": 1.5}, "less than or equal to 1"),
        ({"hard_negative_rows": 1}, "greater than or equal to 2"),
    ],
)
def test_hard_negatives_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    """Before anything is read, with what to set; off, they forbid nothing."""
    TrainConfig(hard_negatives=0.5)
    TrainConfig(same_products="spread")
    with pytest.raises(ValidationError, match=said):
        TrainConfig.model_validate({"hard_negatives": 0.5, **changes})


def test_a_training_on_a_full_disk_resumes_when_there_is_room(train: Train, tmp_path: Path) -> None:
    """The checkpoint is named, no half of one stays, and the weights are those of one run."""
    config = small_config(num_epochs=1)
    train(tmp_path / "whole", config)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(DiskFullError, match=r"\.pth cannot be written.* needs [1-9]"):
            train(tmp_path / "out", config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [path.name for path in (tmp_path / "out").iterdir() if ".pth" in path.name]
    train(tmp_path / "out", config)
    whole, resumed = (
        weights_of(tmp_path / name, "ruCLIP_model_epoch1.pth") for name in ("whole", "out")
    )
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_lengths_beyond_the_vector_are_refused_and_others_are_stored(
    train: Train, model: RuCLIP, tmp_path: Path
) -> None:
    """Before anything is written; the folder says to which lengths its vectors may be cut."""
    with pytest.raises(UserError, match=r"matryoshka names 16, but .* have 16 numbers.*below 16"):
        train(tmp_path / "refused", small_config(num_epochs=1, matryoshka=(8, 16)))
    train(tmp_path, small_config(num_epochs=1, matryoshka=(4, 8)))
    assert model.embed_dim == 16
    assert load_folder(tmp_path / "ruclip").config["matryoshka"] == [8, 4]
