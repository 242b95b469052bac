"""Features of listings without gradients, a chunk of texts or images at a time."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vitrina.catalog.listing_images import ListingImages
from vitrina.embedding.mean_vectors import mean_vectors
from vitrina.model.text_input import pad
from vitrina.training.frozen_features import joined_features
from vitrina.training.towers import TrainingTowers

CHUNK = 64

OfImages = Callable[[Sequence[int]], Tensor]  # positions of images to features (images, dim)
OfIds = Callable[[Tensor], Tensor]  # token ids (texts, length) to features (texts, dim)


def listing_image_features(
    towers: TrainingTowers, images: ListingImages, rows: Sequence[int], of_images: OfImages
) -> Tensor:
    """Features of listings, float32 (rows, dim) on the CPU: the mean of their images'."""
    positions, starts = images.of(rows)
    chunks = [of_images(positions[chunk].tolist()) for chunk in _chunks(len(positions))]
    each = joined_features(chunks, towers)
    return torch.from_numpy(mean_vectors(each.numpy(), starts))


def chunked_text_features(
    towers: TrainingTowers, ids: Sequence[list[int]], of_ids: OfIds
) -> Tensor:
    """Features of texts, float32 (texts, dim) on the CPU."""
    chunks = [of_ids(pad([ids[row] for row in chunk])) for chunk in _chunks(len(ids))]
    return joined_features(chunks, towers)


def _chunks(rows: int) -> list[range]:
    return [range(rows)[first : first + CHUNK] for first in range(0, rows, CHUNK)]
