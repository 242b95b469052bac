"""The contrastive loss, masking of one product's listings, and gradients in chunks."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it

from tests.support.small_training import catalogue, small_model
from vitrina.config import TrainConfig
from vitrina.training import gradcache
from vitrina.training.data.batches import Steps
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.distributed import World
from vitrina.training.loss import contrastive_loss, same_product
from vitrina.training.towers import TrainingTowers


def features(rows: int, seed: int) -> torch.Tensor:
    """Random unit vectors."""
    return F.normalize(torch.randn(rows, 8, generator=torch.Generator().manual_seed(seed)), dim=-1)


def plain_loss(image: torch.Tensor, text: torch.Tensor, scale: float, same: np.ndarray) -> float:
    """The loss written out with loops over single numbers."""
    cosines = (image.double() @ text.double().T).numpy() * scale
    total = 0.0
    for scores in (cosines, cosines.T):
        for row in range(len(scores)):
            negatives = [j for j in range(len(scores)) if j != row and not same[row, j]]
            denominator = sum(math.exp(scores[row, j]) for j in [row, *negatives])
            total += math.log(denominator) - scores[row, row]
    return total / (2 * len(image))


def test_loss_equals_plain_reference_with_and_without_masking() -> None:
    """Two rows of one product stand in no denominator of each other; the rest is InfoNCE."""
    image, text, scale = features(6, 1), features(6, 2), torch.tensor(14.0)
    products = torch.tensor([[0, 0], [1, 1], [0, 2], [3, 1], [4, 4], [5, 5]])
    same = same_product(products)
    assert same.sum() == 6 + 4
    assert same[0, 2]
    assert same[1, 3]
    expected = plain_loss(image, text, 14.0, same.numpy())
    assert contrastive_loss(image, text, scale, same).item() == pytest.approx(expected, abs=1e-5)
    unmasked = plain_loss(image, text, 14.0, np.eye(6, dtype=bool))
    assert contrastive_loss(image, text, scale).item() == pytest.approx(unmasked, abs=1e-5)
    assert expected < unmasked


def test_equal_listings_do_not_push_each_other_apart() -> None:
    """With masking, a batch of two listings of one product has no loss and no gradient."""
    image = features(1, 1).repeat(2, 1).requires_grad_()
    text = features(1, 2).repeat(2, 1).requires_grad_()
    same = torch.ones(2, 2, dtype=torch.bool)
    loss = contrastive_loss(image, text, torch.tensor(10.0), same)
    loss.backward()
    assert loss.item() == 0
    assert image.grad is not None
    assert not image.grad.any()
    assert contrastive_loss(image, text, torch.tensor(10.0)).item() == pytest.approx(math.log(2))


def gradients(
    towers: TrainingTowers, parts: list[gradcache.Part], rows: int
) -> dict[str, torch.Tensor]:
    """The gradient of every parameter."""
    towers.zero_grad()
    gradcache.backward(towers, contrastive_loss, parts, rows, World())
    return {
        name: one.grad.clone() for name, one in towers.named_parameters() if one.grad is not None
    }


@pytest.mark.parametrize("recompute", [False, True])
def test_chunks_give_the_gradients_of_one_pass(tmp_path: Path, recompute: bool) -> None:
    """GradCache over chunks, checkpointed or not, equals plain autograd through the whole batch."""
    table = catalogue(tmp_path, 50)
    model = small_model(tmp_path, table)
    config = TrainConfig(batch_size=50, gradient_checkpointing=recompute, cache_gb=0)
    pairs = pairs_from(table)
    batch = Steps(pairs, pixels_of(pairs, model, 0), model, config, World())[0]
    towers = TrainingTowers(model, config, torch.device("cpu"))
    found = gradients(towers, gradcache.chunks(batch.pixels, batch.ids, 8), 50)

    towers.zero_grad()
    contrastive_loss(
        *TrainingTowers(model, TrainConfig(), torch.device("cpu"))(batch.pixels, batch.ids)
    ).backward()
    for name, parameter in towers.named_parameters():
        assert parameter.grad is not None, name
        scale = parameter.grad.abs().max().clamp(min=1e-3)
        assert ((found[name] - parameter.grad).abs().max() / scale) < 1e-5, name


def test_a_batch_of_1024_in_chunks_of_32_gives_the_gradients_of_one_pass(tmp_path: Path) -> None:
    """The size that GradCache is for: the same gradients to 1e-5 of the largest."""
    table = catalogue(tmp_path, 64)
    model = small_model(tmp_path, table)
    towers = TrainingTowers(model, TrainConfig(), torch.device("cpu"))
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (1024, 3, 32, 32), generator=random, dtype=torch.uint8)
    ids = torch.randint(4, 120, (1024, 12), generator=random)
    ids[:, 0], ids[:, -1] = 2, 3
    whole = gradients(towers, gradcache.chunks(pixels, ids, 0), 1024)
    parts = gradcache.chunks(pixels, ids, 32)
    assert len(parts) == 32
    for name, gradient in gradients(towers, parts, 1024).items():
        scale = whole[name].abs().max().clamp(min=1e-3)
        assert ((gradient - whole[name]).abs().max() / scale) < 1e-5, name
