"""One optimiser step, and the state that a checkpoint carries."""

import copy
from typing import Any

import pandas as pd
import pytest
import torch

from tests.support.small_training import ROWS, small_config
from tests.support.typed_queries import small_queries
from vitrina.config.queries import QueryUseConfig
from vitrina.model.model import RuCLIP
from vitrina.training.data.batches import BatchDataset
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.data.queries import QuerySampler
from vitrina.training.distributed import World
from vitrina.training.learner import Learner
from vitrina.training.loss import MAX_LOGIT_SCALE
from vitrina.training.trainable_model import trainable_copy

CPU = torch.device("cpu")
CONFIG = small_config(num_epochs=2, batch_size=6, warmup=0.5, ema_decay=0.8)


@pytest.fixture
def batches(table: pd.DataFrame, model: RuCLIP) -> BatchDataset:
    """The batches of a training on the first 24 rows."""
    pairs = pairs_from(table[:ROWS])
    return BatchDataset(pairs, pixels_of(pairs, model, 1), model, CONFIG, World())


@pytest.fixture
def learner(model: RuCLIP) -> Learner:
    """A learner on a copy of the base model."""
    return Learner(trainable_copy(model, CONFIG), CONFIG, 8, torch.device("cpu"), World())


def test_a_step_returns_loss_and_gradient_norm_and_counts_itself(
    learner: Learner, batches: BatchDataset
) -> None:
    """The rate follows the schedule of the steps taken; both values are finite and positive."""
    first_rate = learner.rate
    values = learner.step(batches[0])
    assert values.shape == (2,)
    assert values.isfinite().all()
    assert (values > 0).all()
    assert learner.progress.step == 1
    assert learner.consistent
    assert learner.optimizer.param_groups[0]["lr"] == pytest.approx(first_rate)
    assert learner.rate != first_rate


def test_the_logit_scale_stays_within_clips_bound(learner: Learner, batches: BatchDataset) -> None:
    """Cosines are multiplied by 100 at most, wherever the optimiser would take the factor."""
    with torch.no_grad():
        learner.clip.logit_scale.fill_(10)
    learner.step(batches[0])
    assert learner.clip.logit_scale.item() == pytest.approx(MAX_LOGIT_SCALE)
    assert learner.logit_scale == pytest.approx(100)


def test_a_restored_learner_takes_the_same_step(
    model: RuCLIP, learner: Learner, batches: BatchDataset
) -> None:
    """Weights, average, moments and progress of a checkpoint lead to the same next weights."""
    learner.step(batches[0])
    content = copy.deepcopy({**learner.content(), "progress": {"step": 1}})
    learner.step(batches[1])
    resumed = Learner(trainable_copy(model, CONFIG), CONFIG, 8, torch.device("cpu"), World())
    resumed.restore(content)
    resumed.step(batches[1])
    for part in ("model_state_dict", "live_state_dict"):
        one, other = learner.content()[part], resumed.content()[part]
        assert all(torch.equal(one[name], other[name]) for name in one), part


def test_chunks_take_the_step_of_the_whole_batch_for_nested_vectors(
    model: RuCLIP, batches: BatchDataset
) -> None:
    """Loss and weights after a step with matryoshka are those without chunks."""
    nested = CONFIG.model_copy(update={"matryoshka": (8, 4)})
    found = []
    for size in (0, 2):
        config = nested.model_copy(update={"chunk_size": size})
        learner = Learner(trainable_copy(model, config), config, 8, torch.device("cpu"), World())
        loss, _ = learner.step(batches[0])
        found.append((loss, learner.clip.visual.proj.detach()))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)
    plain = Learner(trainable_copy(model, CONFIG), CONFIG, 8, torch.device("cpu"), World())
    assert plain.step(batches[0])[0] != found[0][0]


@pytest.mark.parametrize("listing", ["mix", "text", "image"])
@pytest.mark.parametrize("freeze", ["none", "image", "text"])
def test_chunks_take_the_step_of_the_whole_batch_with_queries(
    table: pd.DataFrame, model: RuCLIP, listing: Any, freeze: Any
) -> None:
    """Loss and weights are those without chunks, also with a frozen tower and nested vectors."""
    pairs = pairs_from(table[:ROWS])
    pixels, sampler = (
        pixels_of(pairs, model, 1),
        QuerySampler(small_queries(table, ROWS).trained, pairs.groups),
    )
    use = QueryUseConfig(query_listing=listing)
    found = []
    for size in (0, 2):
        config = CONFIG.model_copy(
            update={"matryoshka": (8,), "chunk_size": size, "freeze": freeze}
        )
        batch = BatchDataset(pairs, pixels, model, config, World(), sampler)[0]
        learner = Learner(trainable_copy(model, config), config, 8, CPU, World(), use)
        learner.compute_frozen(pixels)
        loss, _ = learner.step(batch)
        clip = learner.clip
        found.append((loss, clip.visual.proj.detach(), clip.text_projection.detach()))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)


def test_the_share_mixes_the_two_losses(table: pd.DataFrame, model: RuCLIP) -> None:
    """0 is the loss of titles and images alone, 1 that of queries, and between is between."""
    pairs = pairs_from(table[:ROWS])
    pixels, sampler = (
        pixels_of(pairs, model, 1),
        QuerySampler(small_queries(table, ROWS).trained, pairs.groups),
    )
    batch = BatchDataset(pairs, pixels, model, CONFIG, World(), sampler)[0]

    def loss(share: float | None) -> float:
        use = None if share is None else QueryUseConfig(query_share=share)
        learner = Learner(trainable_copy(model, CONFIG), CONFIG, 8, CPU, World(), use)
        return learner.step(batch if use else batch._replace(queries=None))[0].item()

    assert loss(0) == pytest.approx(loss(None), abs=1e-6)
    assert loss(0.5) == pytest.approx((loss(0) + loss(1)) / 2, abs=1e-5)
    assert loss(1) != pytest.approx(loss(0), abs=1e-3)
