"""A whole training: what it writes, what it learns, when it stops, what it keeps."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from upath import UPath

from tests.support.small_training import catalogue, small_fit, small_model, weights_of
from vitrina.config import TrainConfig
from vitrina.errors import UserError
from vitrina.model.model import RuCLIP, load_checkpoint, load_folder, ruclip
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import RunFolder, epoch_checkpoints
from vitrina.training.fine_tune import fine_tune
from vitrina.training.frozen_features import image_features, text_features
from vitrina.training.learner import Learner
from vitrina.training.loop import TrainingLoop, TrainingRun

EPOCHS, ROWS, HELD_OUT = 3, 24, 12


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Rows to train on and, after them, rows to validate on."""
    return catalogue(tmp_path_factory.mktemp("catalogue"), ROWS + HELD_OUT)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> RuCLIP:
    """The base model."""
    return small_model(tmp_path_factory.mktemp("model"), table)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache of decoded images for all tests here."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def config(**changes: Any) -> TrainConfig:
    """Three epochs of three steps at a rate that learns."""
    return TrainConfig(**{"num_epochs": EPOCHS, "batch_size": 8, "lr": 3e-3, **changes})


def trained(
    table: pd.DataFrame, model: RuCLIP, folder: Path, settings: TrainConfig, **run: Any
) -> Any:
    """A training on the first rows, validated on the last."""
    return small_fit(table[:ROWS], table[ROWS:], model, folder, settings, **run)


def lines(folder: Path) -> list[dict[str, float]]:
    """The records of metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_training_writes_what_it_promises(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """A checkpoint per epoch with tokenizer and configuration, figures, the best as a folder."""
    progress = trained(table, model, tmp_path, config(log_every_steps=1))
    assert {path.name for path in tmp_path.iterdir()} == {
        *(f"ruCLIP_model_epoch{epoch}.pth" for epoch in (1, 2, 3)),
        *("bpe.model", "config.json", "metrics.jsonl", "state.json", "ruclip"),
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
    steps = [one for one in lines(tmp_path) if "loss" in one]
    assert [one["step"] for one in steps] == list(range(1, 10))
    assert {"loss", "lr", "grad_norm", "logit_scale", "samples_per_second"} <= set(steps[0])
    validated = [one for one in lines(tmp_path) if "validation/mean_recall" in one]
    assert [one["epoch"] for one in validated] == [0, 1, 2, 3]
    assert progress.best["mean_recall"] == max(
        one["validation/mean_recall"] for one in validated[1:]
    )


def test_training_learns_and_leaves_the_base_alone(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """The loss falls, and the model that was given has its weights still."""
    before = {name: one.clone() for name, one in model.clip.state_dict().items()}
    trained(table, model, tmp_path, config(num_epochs=12, log_every_steps=1))
    losses = [one["loss"] for one in lines(tmp_path) if "loss" in one]
    assert sum(losses[-3:]) < 0.8 * sum(losses[:3])
    assert all(torch.equal(one, before[name]) for name, one in model.clip.state_dict().items())


def test_a_seed_repeats_a_training_to_the_bit(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """Two trainings of one seed end with equal weights, another seed with others."""
    settings = config(num_epochs=1, augment="light", text_source="both")
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        trained(table, model, tmp_path / name, settings.model_copy(update={"seed": seed}))
    a, b, c = (weights_of(tmp_path / name, "ruCLIP_model_epoch1.pth") for name in "abc")
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_runs_into_a_bucket_as_into_a_folder(
    table: pd.DataFrame, model: RuCLIP, place: UPath, tmp_path: Path
) -> None:
    """The same files with the same weights, local or on S3."""
    settings = config(num_epochs=1)
    run = TrainingRun(RunFolder(place, "key", {"parameters": settings.content()}))
    fine_tune(table[:ROWS], table[ROWS:], model, settings, run)
    trained(table, model, tmp_path / "reference", settings)
    content = run.place.load("ruCLIP_model_epoch1.pth")["model_state_dict"]
    expected = weights_of(tmp_path / "reference", "ruCLIP_model_epoch1.pth")
    assert all(torch.equal(one, expected[name]) for name, one in content.items())
    assert (place / "ruclip" / "pytorch_model.bin").exists()
    assert (place / "metrics.jsonl").exists()


def test_early_stop_keeps_the_best_epoch_apart_from_the_last(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """A rate that destroys the model stops it after the patience; the best epoch is kept."""
    settings = config(num_epochs=9, lr=1.0, patience=2, max_grad_norm=0, warmup=0)
    progress = trained(table, model, tmp_path, settings)
    assert progress.stopped
    assert progress.epoch == progress.best_epoch + 2 < 9
    best = weights_of(tmp_path, f"ruCLIP_model_epoch{progress.best_epoch}.pth")
    last = weights_of(tmp_path, f"ruCLIP_model_epoch{progress.epoch}.pth")
    final = load_folder(tmp_path / "ruclip").clip.state_dict()
    assert all(torch.equal(best[name], final[name]) for name in best)
    assert not all(torch.equal(best[name], last[name]) for name in best)


def test_validation_within_epochs_can_keep_a_point_between_them(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """With a validation each step, the best step's weights are kept even within an epoch."""
    settings = config(num_epochs=1, lr=0.3, validate_every_steps=1, patience=0, warmup=0)
    progress = trained(table, model, tmp_path, settings)
    validated = [one for one in lines(tmp_path) if "validation/mean_recall" in one]
    assert [one["step"] for one in validated] == [0, 1, 2, 3]
    best = max(
        validated[1:],
        key=lambda one: (one["validation/mean_recall"], one["validation/mean_mrr"]),
    )
    kept = torch.load(tmp_path / progress.best_checkpoint, weights_only=True)
    assert kept["progress"]["step"] == best["step"]
    final = load_folder(tmp_path / "ruclip").clip.state_dict()
    assert torch.equal(kept["model_state_dict"]["visual.proj"], final["visual.proj"])


@pytest.mark.parametrize("source", ["title", "both"])
@pytest.mark.parametrize("tower", ["image", "text"])
def test_a_frozen_tower_keeps_its_weights_and_its_features_are_right(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path, tower: str, source: str
) -> None:
    """Only the other tower and logit_scale move; the features used are those recomputed."""
    settings = config(num_epochs=1, freeze=tower, text_source=source)
    trained(table, model, tmp_path, settings)
    found, base = weights_of(tmp_path, "ruCLIP_model_epoch1.pth"), model.clip.state_dict()
    moved = {name for name in base if not torch.equal(found[name], base[name])}
    trainable = {
        name
        for name in base
        if name == "logit_scale" or name.startswith("visual.") != (tower == "image")
    }
    assert "logit_scale" in moved
    assert moved <= trainable
    assert len(moved) > 0.9 * len(trainable)

    run = TrainingRun(RunFolder(UPath(tmp_path / "other"), "key", {}))
    training = TrainingLoop(table[:ROWS], table[ROWS:], model, settings, run)
    learner, steps = training.learner, training.steps
    learner.compute_frozen(steps.pixels)
    for batch in (steps[0], steps[1], steps[0]):
        pixels, ids = learner._inputs(batch)
        if tower == "image":
            own = steps.pixels.stack(batch.rows.tolist())
            expected = image_features(learner.towers, own, training.device)
            torch.testing.assert_close(pixels, expected, atol=1e-6, rtol=0)
        else:
            expected = text_features(learner.towers, batch.ids, training.device)
            torch.testing.assert_close(ids, expected, atol=1e-6, rtol=0)


def test_the_mix_is_chosen_on_validation_and_its_curve_told(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """WiSE-FT validates every mix; its ends are the base's and the best epoch's own figures."""
    progress = trained(table, model, tmp_path, config(wise_ft_points=4))
    assert list(progress.alpha_metrics) == ["1", "0.75", "0.5", "0.25", "0"]
    assert progress.alpha_metrics["0"] == progress.base
    assert progress.best == progress.alpha_metrics[f"{progress.wise_ft_alpha:g}"]
    assert progress.best["mean_recall"] == max(
        one["mean_recall"] for one in progress.alpha_metrics.values()
    )
    base = model.clip.state_dict()["visual.proj"]
    tuned = weights_of(tmp_path, progress.best_checkpoint)["visual.proj"]
    final = load_folder(tmp_path / "ruclip").clip.state_dict()["visual.proj"]
    torch.testing.assert_close(final, base.lerp(tuned, progress.wise_ft_alpha))


def test_averaged_weights_are_what_is_validated_and_kept(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """With EMA the checkpoint's weights are the average, and the live ones stand beside them."""
    progress = trained(table, model, tmp_path, config(ema_decay=0.5))
    content = torch.load(tmp_path / "ruCLIP_model_epoch3.pth", weights_only=True)
    average, live = content["model_state_dict"], content["live_state_dict"]
    assert not torch.equal(average["visual.proj"], live["visual.proj"])
    assert progress.best


def test_only_so_many_checkpoints_stay_as_are_wanted(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """The newest ones and the best, which at a rate that learns nothing is the first."""
    settings = config(num_epochs=4, lr=1e-12, patience=0)
    for keep, left in ((1, {1, 4}), (2, {1, 3, 4}), (0, {1, 2, 3, 4})):
        folder = tmp_path / str(keep)
        progress = trained(
            table, model, folder, settings.model_copy(update={"keep_checkpoints": keep})
        )
        assert progress.best_checkpoint == "ruCLIP_model_epoch1.pth"
        assert set(epoch_checkpoints(to_path(folder))) == {
            f"ruCLIP_model_epoch{epoch}.pth" for epoch in left
        }
        assert (folder / "ruclip" / "config.json").is_file()


def test_a_loss_that_is_no_number_names_the_batch_and_keeps_the_last_checkpoint(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
        trained(table, model, tmp_path, config(log_every_steps=2))
    named = str(caught.value).split("nm ")[1].split(".")[0].split(", ")
    assert len(named) == 8
    assert set(named) <= set(map(str, range(ROWS)))
    kept = weights_of(tmp_path, "ruCLIP_model_epoch1.pth")
    assert all(one.isfinite().all() for one in kept.values())
    assert not (tmp_path / "resume.pth").exists()
    monkeypatch.undo()
    assert trained(table, model, tmp_path, config(log_every_steps=2)).step == 9


@pytest.mark.parametrize(
    ("chunk_size", "told"),
    [
        (0, "8 pairs at a time. Set chunk_size to 4"),
        (64, "8 pairs at a time. Set chunk_size to 4"),
        (3, "3 pairs at a time. Set chunk_size to 1"),
        (1, "one pair. Set gradient_checkpointing"),
    ],
)
def test_too_little_memory_is_answered_with_a_chunk_size(
    table: pd.DataFrame,
    model: RuCLIP,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chunk_size: int,
    told: str,
) -> None:
    """What torch raises without GPU memory comes out as advice with a number, or a last resort."""

    def full(_learner: Learner, _batch: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(Learner, "step", full)
    with pytest.raises(UserError, match=told):
        trained(table, model, tmp_path, config(chunk_size=chunk_size))


def test_a_missing_image_is_named(table: pd.DataFrame, model: RuCLIP, tmp_path: Path) -> None:
    """A row whose image is not there ends the training with the file's name."""
    broken = table.copy()
    broken.loc[3, ["image_path", "image_hash"]] = [str(tmp_path / "gone.jpg"), "f" * 32]
    with pytest.raises(UserError, match=r"gone\.jpg"):
        trained(broken, model, tmp_path / "out", config())


def test_one_row_is_no_training(table: pd.DataFrame, model: RuCLIP, tmp_path: Path) -> None:
    """A contrast needs two rows."""
    with pytest.raises(UserError, match="at least 2"):
        small_fit(table[:1], table[ROWS:], model, tmp_path, config())


def test_without_validation_rows_the_last_epoch_is_the_model(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """Nothing held out, nothing to choose by: the last epoch."""
    progress = small_fit(table[:ROWS], table[:0], model, tmp_path, config(wise_ft_points=2))
    assert progress.best_epoch == EPOCHS
    assert progress.best == {}


def test_the_chosen_fit_goes_with_the_model(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """fit is stored in the folder and in the checkpoints, for embedding to use the same."""
    trained(table, model, tmp_path, config(num_epochs=1, resize_mode="longest"))
    assert load_folder(tmp_path / "ruclip").resize_mode == "longest"
    assert load_checkpoint(tmp_path / "ruCLIP_model_epoch1.pth", None).resize_mode == "longest"
    assert model.resize_mode == "shortest"


@pytest.mark.parametrize(("same", "masked"), [("mask", True), ("negatives", False)])
def test_listings_of_one_title_are_no_negatives_in_training(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path, same: str, masked: bool
) -> None:
    """A catalogue of one title leaves nothing to contrast, unless its rows count as negatives."""
    equal = table.assign(title="Красное платье")
    trained(equal, model, tmp_path, config(num_epochs=1, same_products=same, log_every_steps=1))
    losses = [one["loss"] for one in lines(tmp_path) if "loss" in one]
    assert (max(losses) == 0) is masked
