"""Features of a frozen tower: computed once, reused in every epoch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vitrina.model.tokenize import PAD
from vitrina.training.data.batches import Batch
from vitrina.training.data.pixels import Pixels
from vitrina.training.distributed import World
from vitrina.training.towers import TrainingTowers

CHUNK = 64


class FrozenImageFeatures:
    """Features of all images, float32 (images, dim) on the CPU: 4 × dim bytes an image."""

    def __init__(
        self, towers: TrainingTowers, pixels: Pixels, device: torch.device, world: World
    ) -> None:
        images = range(len(pixels.paths))
        own = images[world.local_slice(len(images))]
        chunks = [
            image_features(towers, pixels.stack(own[first : first + CHUNK]), device)
            for first in range(0, len(own), CHUNK)
        ]
        features = joined_features(chunks, towers)
        self.features = world.gather(features.to(device), len(images)).cpu()
        self.world = world

    def of(self, batch: Batch) -> Tensor:
        """Features of this process's part of a batch, float32 (part, dim)."""
        return self.features[batch.images[self.world.local_slice(len(batch.images))]]


class FrozenTextFeatures:
    """Text features by token ids, each computed at its first use: 4 × dim bytes a text."""

    def __init__(self, towers: TrainingTowers, device: torch.device) -> None:
        self.towers, self.device = towers, device
        self.by_ids: dict[tuple[int, ...], Tensor] = {}

    def of(self, ids: Tensor) -> Tensor:
        """Features of texts, float32 (texts, dim), from int64 token ids (texts, length)."""
        keys = [tuple(token for token in row if token != PAD) for row in ids.tolist()]
        new = [index for index, key in enumerate(keys) if key not in self.by_ids]
        if new:
            features = text_features(self.towers, ids[new], self.device)
            self.by_ids.update(zip([keys[index] for index in new], features, strict=True))
        return torch.stack([self.by_ids[key] for key in keys])


def joined_features(chunks: Sequence[Tensor], towers: TrainingTowers) -> Tensor:
    """Features float32 (rows, dim); a process that has no rows has no chunks."""
    return torch.cat([torch.empty(0, towers.clip.text_projection.shape[1]), *chunks])


@torch.no_grad()
def image_features(towers: TrainingTowers, pixels: Tensor, device: torch.device) -> Tensor:
    """Features float32 (batch, dim) on the CPU, of uint8 pixels (batch, 3, R, R)."""
    return towers.image(pixels.to(device)).cpu()


@torch.no_grad()
def text_features(towers: TrainingTowers, ids: Tensor, device: torch.device) -> Tensor:
    """Features float32 (batch, dim) on the CPU, of int64 token ids (batch, length)."""
    return towers.text(ids.to(device)).cpu()
