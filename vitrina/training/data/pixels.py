"""Pixels of each image, uint8: read from the cache, or decoded and cached."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd
import torch
from torch import Tensor

from vitrina.catalog.table_fingerprint import ImageStamps
from vitrina.images.load import ResizeMode, load_pixels
from vitrina.images.pixel_cache import PixelCache, open_cache
from vitrina.model.model import RuCLIP
from vitrina.store.cache import user_cache
from vitrina.training.data.pairs import Pairs


@dataclass(frozen=True)
class Pixels:
    """An image by its position among those of all rows, uint8 (3, resolution, resolution)."""

    paths: "pd.Series[str]"
    resolution: int
    resize_mode: ResizeMode
    cache: PixelCache | None = None

    def __getitem__(self, image: int) -> Tensor:
        pixels = self.cache.get(image) if self.cache else None
        if pixels is None:
            pixels = load_pixels(str(self.paths.iat[image]), self.resolution, self.resize_mode)
            if self.cache:
                self.cache.put(image, pixels)
        return torch.from_numpy(pixels)

    def stack(self, images: Sequence[int]) -> Tensor:
        """The images at these positions, uint8 (images, 3, resolution, resolution)."""
        return torch.stack([self[image] for image in images])


def pixels_of(pairs: Pairs, model: RuCLIP, cache_gb: float) -> Pixels:
    """The images of the pairs in the model's resolution, with a cache of up to ``cache_gb``."""
    return shared_pixels([pairs], model, cache_gb)[0]


def shared_pixels(splits: Sequence[Pairs], model: RuCLIP, cache_gb: float) -> list[Pixels]:
    """The images of several splits, with one cache of up to ``cache_gb`` for all of them."""
    resize_mode, cache = cast(ResizeMode, model.resize_mode), None
    if cache_gb:
        keys = itertools.chain.from_iterable(map(image_keys, splits))
        cache = open_cache(user_cache() / "pixels", keys, model.resolution, resize_mode, cache_gb)
    pixels, first = [], 0
    for pairs in splits:
        count = len(pairs.images.paths)
        part = cache.part(first, first + count) if cache else None
        pixels.append(Pixels(pairs.images.paths, model.resolution, resize_mode, part))
        first += count
    return pixels


def image_keys(pairs: Pairs) -> Iterator[str]:
    """The cache key of each image: its hash, or else its path with mtime or ETag."""
    images = pairs.images
    stamps = iter(ImageStamps().of(images.paths[images.hashes == ""].tolist()))
    return (image_hash or next(stamps) for image_hash in images.hashes)
