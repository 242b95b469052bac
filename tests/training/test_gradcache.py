"""Gradients in chunks equal those of one pass over the batch."""

from pathlib import Path

import pytest
import torch

from tests.support.small_training import catalogue
from vitrina.config.training import TrainConfig
from vitrina.model.model import RuCLIP
from vitrina.training import gradcache
from vitrina.training.data.batches import BatchDataset
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.distributed import World
from vitrina.training.loss import contrastive_loss
from vitrina.training.towers import TrainingTowers

CPU = torch.device("cpu")


def gradients(
    towers: TrainingTowers, parts: list[gradcache.Part], rows: int
) -> dict[str, torch.Tensor]:
    """The gradient of every parameter."""
    towers.zero_grad()
    gradcache.backward(towers, contrastive_loss, parts, rows, World())
    return {
        name: parameter.grad.clone()
        for name, parameter in towers.named_parameters()
        if parameter.grad is not None
    }


@pytest.mark.parametrize("recompute", [False, True])
def test_chunks_give_the_gradients_of_one_pass(
    own_model: RuCLIP, tmp_path: Path, recompute: bool
) -> None:
    """GradCache over chunks, checkpointed or not, equals plain autograd through the whole batch."""
    config = TrainConfig(batch_size=50, gradient_checkpointing=recompute, cache_gb=0)
    pairs = pairs_from(catalogue(tmp_path, 50))
    pixels = pixels_of(pairs, own_model, 0)
    batch = BatchDataset(pairs, pixels, own_model, config, World())[0]
    towers = TrainingTowers(own_model, config, CPU)
    chunked = gradients(towers, gradcache.chunks((batch.pixels, batch.ids), 8), 50)

    towers.zero_grad()
    contrastive_loss(
        *TrainingTowers(own_model, TrainConfig(), CPU)(batch.pixels, batch.ids)
    ).backward()
    for name, parameter in towers.named_parameters():
        assert parameter.grad is not None, name
        scale = parameter.grad.abs().max().clamp(min=1e-3)
        assert ((chunked[name] - parameter.grad).abs().max() / scale) < 1e-5, name


def test_a_batch_of_1024_in_chunks_of_32_gives_the_gradients_of_one_pass(
    own_model: RuCLIP,
) -> None:
    """The size that GradCache is for: the same gradients to 1e-5 of the largest."""
    towers = TrainingTowers(own_model, TrainConfig(), CPU)
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (1024, 3, 32, 32), generator=random, dtype=torch.uint8)
    ids = torch.randint(4, 120, (1024, 12), generator=random)
    ids[:, 0], ids[:, -1] = 2, 3
    whole = gradients(towers, gradcache.chunks((pixels, ids), 0), 1024)
    parts = gradcache.chunks((pixels, ids), 32)
    assert len(parts) == 32
    for name, gradient in gradients(towers, parts, 1024).items():
        scale = whole[name].abs().max().clamp(min=1e-3)
        assert ((gradient - whole[name]).abs().max() / scale) < 1e-5, name
