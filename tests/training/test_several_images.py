"""Training on listings with several images: which one is shown, and what stays exact."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.support.several_images import with_more_images
from tests.support.small_training import ROWS, small_config, small_fine_tune, weights_of
from vitrina.catalog.split import split_rows
from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.text import ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.evaluation.measure import measure
from vitrina.model.model import RuCLIP
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import RunFolder
from vitrina.training.data.batches import BatchDataset
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.distributed import World
from vitrina.training.frozen_features import image_features
from vitrina.training.loop import TrainingLoop, TrainingRun
from vitrina.training.loss import same_product

ALONE = World()
FIRST = ListingConfig(several_images="first")


class StoppedError(BaseException):
    """Stops a training, as a cancelled run does."""


@pytest.fixture(scope="module")
def several(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The table, with one, two or three images a listing by turns."""
    return with_more_images(table, tmp_path_factory.mktemp("more"))


def batches_of(
    table: pd.DataFrame, model: RuCLIP, world: World = ALONE, **options: object
) -> BatchDataset:
    """The batches of a training on all rows."""
    config = TrainConfig(**{"batch_size": 8, "num_epochs": 6, "augment": "none", **options})
    pairs = pairs_from(table)
    return BatchDataset(pairs, pixels_of(pairs, model, config.cache_gb), model, config, world)


def shown(batches: BatchDataset) -> np.ndarray:
    """The image of each listing in each epoch, as its position among the listing's own."""
    images, starts = np.zeros((6, len(batches.pairs)), int), batches.pairs.images.starts
    for step in range(len(batches)):
        batch = batches[step]
        rows = batch.rows.numpy()
        images[step // batches.per_epoch, rows] = batch.images.numpy() - starts[rows]
    return images


def test_each_epoch_shows_another_image_of_a_listing(several: pd.DataFrame, model: RuCLIP) -> None:
    """Each in turn, from a start that the seed draws: in six epochs all are seen equally often."""
    images = shown(batches_of(several, model))
    counts = several["image_paths"].map(len).to_numpy()
    for row, count in enumerate(counts):
        assert np.bincount(images[:, row], minlength=count).tolist() == [6 // count] * count
        assert all(np.diff(images[:, row])) or count == 1
    assert len(set(images[0, counts == 3])) > 1
    assert np.array_equal(shown(batches_of(several, model)), images)
    assert not np.array_equal(shown(batches_of(several, model, seed=1)), images)


def test_the_pixels_are_those_of_the_image_that_is_shown(
    several: pd.DataFrame, model: RuCLIP
) -> None:
    """From the cache too, which holds each image once; processes share a batch without loss."""
    batches = batches_of(several, model)
    assert len(batches.pixels.paths) == several["image_paths"].map(len).sum()
    batch = batches[3]
    for pixels, image in zip(batch.pixels, batch.images.tolist(), strict=True):
        assert torch.equal(pixels, batches.pixels[image])
    halves = [batches_of(several, model, World(rank, 2))[3] for rank in range(2)]
    assert torch.equal(torch.cat([half.pixels for half in halves]), batch.pixels)
    assert all(torch.equal(half.images, batch.images) for half in halves)


def test_with_the_first_alone_a_training_is_that_of_single_images(
    several: pd.DataFrame, table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """To the bit; with all of them it is another one."""
    config = small_config(num_epochs=1)
    folders = [tmp_path / name for name in ("first", "single", "all")]
    for folder, rows, listing in zip(
        folders, (several, table, several), (FIRST, FIRST, ListingConfig()), strict=True
    ):
        small_fine_tune(rows[:ROWS], rows[ROWS:], model, folder, config, listing)
    first, single, every = (weights_of(one, "ruCLIP_model_epoch1.pth") for one in folders)
    assert all(torch.equal(first[name], single[name]) for name in first)
    assert not all(torch.equal(first[name], every[name]) for name in first)


def test_listings_that_share_any_image_are_no_negatives_of_each_other(
    several: pd.DataFrame,
) -> None:
    """The last photo of the one is the first of the other."""
    rows = several[:4].reset_index(drop=True)
    for column in ("image_paths", "image_hashes"):
        rows.at[3, column] = [*rows.at[3, column], rows.at[2, column][2]]
    products = torch.from_numpy(pairs_from(rows).products)
    same = same_product(products)
    assert same.nonzero().tolist() == [[0, 0], [1, 1], [2, 2], [2, 3], [3, 2], [3, 3]]
    assert torch.equal(torch.from_numpy(pairs_from(rows, FIRST).products), products)


def test_a_stopped_training_resumes_to_equal_weights(
    several: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """In mid-epoch, where the next batches show what an uninterrupted training would."""
    config = small_config(save_every_steps=2, text_source="both", augment="light")
    rows = several[:ROWS], several[ROWS:]

    def stop(step: int, _steps: int) -> None:
        if step == 4:
            raise StoppedError

    small_fine_tune(*rows, model, tmp_path / "whole", config)
    with pytest.raises(StoppedError):
        small_fine_tune(*rows, model, tmp_path / "stopped", config, on_step=stop)
    small_fine_tune(*rows, model, tmp_path / "stopped", config)
    whole, resumed = (
        weights_of(tmp_path / name, "ruCLIP_model_epoch3.pth") for name in ("whole", "stopped")
    )
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_frozen_image_tower_has_features_of_each_image(
    several: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """And gives those of the image that is shown."""
    config = small_config(freeze="image")
    run = TrainingRun(RunFolder(to_path(tmp_path), "key", {}))
    training = TrainingLoop(several[:ROWS], several[ROWS:], model, config, run)
    learner, batches = training.learner, training.batches
    learner.compute_frozen(batches.pixels)
    for step in (0, batches.per_epoch):
        batch = batches[step]
        features, _ = learner._inputs(batch)
        own = batches.pixels.stack(batch.images.tolist())
        expected = image_features(learner.towers, own, training.device)
        torch.testing.assert_close(features, expected, atol=1e-6, rtol=0)


def test_validation_and_evaluation_rank_the_mean_of_the_images(
    several: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """One model has the same metrics in both, and other ones with the first image alone."""
    config = TrainConfig(num_epochs=1, batch_size=8, validation_fraction=0.4, test_fraction=0)
    split = split_rows(several, config.validation_fraction, config.test_fraction, config.seed)
    rows = several[split == "train"], several[split == "validation"]
    evaluation = EvaluateConfig(templates="single", probe_rows=0, duplicate_rows=0, device="cpu")
    found = []
    for name, listing in (("mean", ListingConfig()), ("first", FIRST)):
        base = small_fine_tune(*rows, model, tmp_path / name, config, listing).base
        measured = measure(several, model, evaluation, config.split(), listing).metrics
        shared = base.keys() & measured.keys()
        assert "mean_mrr" in shared
        for metric in shared:
            assert base[metric] == pytest.approx(measured[metric], abs=1e-6), metric
        found.append(measured)
    assert found[0] != found[1]
