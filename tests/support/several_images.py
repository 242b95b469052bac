"""Tables whose listings have several images, as resize writes them."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import to_path


def photo(folder: Path, name: str, seed: int, side: int = 40) -> tuple[str, str]:
    """The path and the hash of a new image of noise."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path), file_fingerprint(to_path(path))


def with_more_images(table: pd.DataFrame, folder: Path, most: int = 3) -> pd.DataFrame:
    """The table with ``image_paths`` and ``image_hashes``: 1, 2, … ``most`` images by turns.

    The first of each is the one that the table has already.
    """
    paths, hashes = [], []
    for row, (path, image_hash) in enumerate(
        zip(table["image_path"], table["image_hash"], strict=True)
    ):
        more = [photo(folder, f"{row}_{n}", 1_000 * row + n) for n in range(row % most)]
        paths.append([path, *(one for one, _ in more)])
        hashes.append([image_hash, *(one for _, one in more)])
    return table.assign(image_paths=paths, image_hashes=hashes)
