"""Mining with a real ruCLIP: the order of an epoch, and what is left out of its groups."""

import logging
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tests.support.several_images import with_more_images
from tests.support.small_training import ROWS, small_config, small_fine_tune
from tests.support.typed_queries import small_queries
from vitrina.config.training import TrainConfig
from vitrina.model.model import RuCLIP, load_folder
from vitrina.training.data import sampler
from vitrina.training.data.batches import BatchDataset, loader
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.data.queries import TrainingQueries
from vitrina.training.distributed import World
from vitrina.training.hard_negatives import mining
from vitrina.training.hard_negatives.mining import Miner
from vitrina.training.learner import Learner
from vitrina.training.trainable_model import trainable_copy

CPU = torch.device("cpu")
MINED = small_config(hard_negatives=0.5)


@pytest.fixture(scope="module")
def trained(table: pd.DataFrame, model: RuCLIP, tmp_path_factory: pytest.TempPathFactory) -> RuCLIP:
    """The model once it knows the listings, so that it has neighbours that are not too near."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VITRINA_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        config = small_config(num_epochs=25, patience=0)
        small_fine_tune(table[:ROWS], table[ROWS:], model, folder, config)
    return load_folder(folder / "ruclip")


class Mining:
    """A training that has not begun, and its miner."""

    def __init__(
        self,
        table: pd.DataFrame,
        model: RuCLIP,
        config: TrainConfig = MINED,
        queries: TrainingQueries | None = None,
    ) -> None:
        pairs, self.config = pairs_from(table[:ROWS]), config
        pixels = pixels_of(pairs, model, 1)
        self.batches = BatchDataset(pairs, pixels, model, config, World())
        self.learner = Learner(trainable_copy(model, config), config, 9, CPU, World())
        self.learner.compute_frozen(pixels)
        self.miner = Miner(self.batches, queries.trained if queries else None)

    def order(self, epoch: int = 0) -> np.ndarray:
        """The rows of an epoch."""
        mined = self.miner.mine(epoch, self.learner)
        assert mined.epoch == epoch
        return mined.rows

    def score(self) -> np.ndarray:
        """How much the model confuses each two listings, float32 (rows, rows)."""
        rows = np.arange(ROWS)
        image, text = (one.numpy() for one in self.miner._features(rows, self.learner))
        product: np.ndarray = image @ text.T
        return product + product.T


def neighbours_beside(nearest: np.ndarray, order: np.ndarray) -> float:
    """How many of its neighbours a row has in its batch, the mean over the rows."""
    batches = [sampler.batch(order, step, 3) for step in range(3)]
    found = [int(np.isin(nearest[row], batch).sum()) for batch in batches for row in batch]
    return float(np.mean(found))


def test_batches_have_more_neighbours_than_at_random(
    table: pd.DataFrame, trained: RuCLIP, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row once; of its three neighbours a listing finds far more in its batch."""
    monkeypatch.setattr(mining, "NEIGHBOURS", 3)
    monkeypatch.setattr(mining, "GROUP", 2)
    at_random = 3 * 7 / (ROWS - 1)  # seven others in a batch of eight
    found = []
    for seed in range(20):
        config = MINED.model_copy(update={"seed": seed, "hard_negatives": 1})
        one = Mining(table, trained, config)
        nearest = one.miner._neighbours(np.arange(ROWS), one.learner).nearest.numpy()
        order = one.order()
        assert sorted(order.tolist()) == list(range(ROWS))
        found.append(neighbours_beside(nearest, order))
    assert np.mean(found) > 1.25 * at_random


def test_the_order_follows_from_seed_epoch_and_weights(table: pd.DataFrame, model: RuCLIP) -> None:
    """The same again for the same; another for another of the three."""
    one, again = Mining(table, model), Mining(table, model)
    first = one.order().tolist()
    assert again.order().tolist() == first
    assert one.order(epoch=1).tolist() != first
    other = Mining(table, model, MINED.model_copy(update={"seed": 1}))
    assert other.order().tolist() != first
    one.batches.use_order(one.miner.mine(0, one.learner))
    for step in range(3):
        one.learner.step(one.batches[step])
    assert one.order().tolist() != first


def test_listings_with_a_common_query_are_not_grouped(
    table: pd.DataFrame, trained: RuCLIP, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the clicked listings no two of one colour or thing, which a query was typed for."""
    queries = small_queries(table, ROWS)
    words = [set(title.split()[:2]) for title in table["title"][:ROWS]]
    asked = {queries.trained.texts[query] for query in queries.trained.query}
    clicked = {int(row) for row in queries.trained.row}
    seen: list[set[int]] = []
    grouped_order = mining.grouped_order

    def watched(groups: Any, *others: Any) -> np.ndarray:
        found = list(groups)
        seen.extend(set(group.tolist()) for group in found)
        return grouped_order(found, *others)

    monkeypatch.setattr(mining, "grouped_order", watched)

    def alike() -> int:
        pairs = [pair for group in seen for pair in combinations(sorted(group & clicked), 2)]
        assert pairs
        return sum(bool(words[a] & words[b] & asked) for a, b in pairs)

    Mining(table, trained).order()
    assert alike() > 0
    seen.clear()
    Mining(table, trained, queries=queries).order()
    assert alike() == 0


@pytest.mark.parametrize("frozen", ["image", "text"])
def test_a_frozen_towers_features_are_used(
    table: pd.DataFrame, model: RuCLIP, frozen: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """They are those that it would compute, for several images too; nothing is computed again."""
    several = with_more_images(table, tmp_path_factory.mktemp("more"))
    one = Mining(several, model, MINED.model_copy(update={"freeze": frozen}))
    score, plain = one.score(), Mining(several, model).score()
    np.testing.assert_allclose(score, plain, atol=1e-5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(one.learner.towers, frozen, None)
        np.testing.assert_array_equal(one.score(), score)


def test_of_many_rows_a_sample_is_mined(
    table: pd.DataFrame, model: RuCLIP, caplog: pytest.LogCaptureFixture
) -> None:
    """Another one in each epoch; the log has its size, what was found and what was kept out."""
    few = Mining(table, model, MINED.model_copy(update={"hard_negative_rows": 10}))
    with caplog.at_level(logging.INFO):
        orders = [few.order(epoch) for epoch in range(2)]
    assert all(sorted(order.tolist()) == list(range(ROWS)) for order in orders)
    lines = [line for line in caplog.messages if "hard negatives of epoch" in line]
    assert len(lines) == 2
    assert "neighbours of 10 listings; nearer ones kept out: " in lines[0]
    assert " too near" in lines[0]


def test_an_order_that_is_not_mined_is_not_made_up(table: pd.DataFrame, model: RuCLIP) -> None:
    """Batches of another epoch than the mined one are refused, not taken at random."""
    one = Mining(table, model)
    with pytest.raises(LookupError, match="epoch 0 are not mined"):
        one.batches[0]
    one.batches.use_order(one.miner.mine(0, one.learner))
    assert len(one.batches[2].rows) == 8
    with pytest.raises(LookupError, match="epoch 1 are not mined"):
        one.batches[3]


@pytest.mark.slow
def test_worker_processes_load_the_mined_batches(table: pd.DataFrame, model: RuCLIP) -> None:
    """The order travels to them."""
    one = Mining(table, model)
    mined = one.miner.mine(0, one.learner)
    one.batches.use_order(mined)
    loaded = [batch.rows for batch in loader(one.batches, range(3), workers=1)]
    assert np.concatenate(loaded).tolist() == mined.rows.tolist()
