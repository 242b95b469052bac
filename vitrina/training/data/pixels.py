"""Images by row as uint8 pixels: from the cache, or decoded and kept there."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import pandas as pd
import torch
from torch import Tensor

from vitrina.catalog.table_fingerprint import ImageStamps
from vitrina.images.load import ResizeMode, read_image, square_image
from vitrina.images.pixel_cache import PixelCache, open_cache
from vitrina.model.model import RuCLIP
from vitrina.store.cache import user_cache
from vitrina.training.data.pairs import Pairs


@dataclass(frozen=True)
class Pixels:
    """The image of each row, uint8 (3, resolution, resolution)."""

    paths: "pd.Series[str]"
    resolution: int
    resize_mode: ResizeMode
    cache: PixelCache | None = None

    def __getitem__(self, row: int) -> Tensor:
        kept = self.cache.get(row) if self.cache else None
        if kept is None:
            kept = square_image(
                read_image(str(self.paths.iat[row])), self.resolution, self.resize_mode
            )
            if self.cache:
                self.cache.put(row, kept)
        return torch.from_numpy(kept)

    def stack(self, rows: Sequence[int]) -> Tensor:
        """The images of these rows, uint8 (rows, 3, resolution, resolution)."""
        return torch.stack([self[row] for row in rows])


def pixels_of(pairs: Pairs, model: RuCLIP, cache_gb: float) -> Pixels:
    """The images of the pairs as the model sees them, with up to ``cache_gb`` kept decoded."""
    return shared_pixels([pairs], model, cache_gb)[0]


def shared_pixels(sides: Sequence[Pairs], model: RuCLIP, cache_gb: float) -> list[Pixels]:
    """The images of each side; all together keep up to ``cache_gb`` decoded."""
    resize_mode, cache = cast(ResizeMode, model.resize_mode), None
    if cache_gb:
        keys = itertools.chain.from_iterable(map(image_keys, sides))
        cache = open_cache(user_cache() / "pixels", keys, model.resolution, resize_mode, cache_gb)
    found, first = [], 0
    for pairs in sides:
        own = cache.part(first, first + len(pairs)) if cache else None
        found.append(Pixels(pairs.image_path, model.resolution, resize_mode, own))
        first += len(pairs)
    return found


def image_keys(pairs: Pairs) -> Iterator[str]:
    """What each row's image is known by: its hash, or else its path and time or ETag."""
    unhashed = pairs.image_path[pairs.image_hash == ""].tolist()
    stamps = iter(ImageStamps().of(unhashed))
    return (hashed or next(stamps) for hashed in pairs.image_hash)
