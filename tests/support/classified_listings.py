"""Listings in classes that their vectors tell apart, though not always."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from upath import UPath

from vitrina.catalog.row_keys import RowKeys, read_row_keys
from vitrina.store.paths import to_path

NAMES = ["Одежда", "Посуда", "=Дом", "Обувь"]
MISSING = (None, "", "  ")


@dataclass(frozen=True)
class ClassifiedListings:
    """A processed table in a file, its vectors, and the true class of each row."""

    table: UPath
    npz: Path
    truth: np.ndarray

    @property
    def keys(self) -> RowKeys:
        """The keys of the rows."""
        return read_row_keys(self.table)


def classified_listings(
    folder: Path, rows: int = 1_200, noise: float = 1.5, seed: int = 0
) -> ClassifiedListings:
    """Write listings, a tenth without a class, three of a rare one, every fifth a twin.

    The text vector tells some classes apart, the image vector others, both together most.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(NAMES), rows)
    truth[4::5] = truth[3::5]
    vectors = {}
    for name, seen in (("text", truth // 2), ("img", truth % 2)):
        centres = rng.standard_normal((2, 12))
        made = centres[seen] + noise * rng.standard_normal((rows, 12))
        made[4::5] = made[3::5] + 0.01
        vectors[name] = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
    categories: list[str | None] = [NAMES[one] for one in truth]
    for row in range(0, rows, 10):
        categories[row] = MISSING[row // 10 % len(MISSING)]
    for row in (1, 101, 201):
        categories[row] = "Редкое"
    title = np.arange(rows)
    title[4::5] = title[3::5]
    pd.DataFrame(
        {
            "title": [f"Товар {one}" for one in title],
            "image_path": [f"{row}.jpg" for row in range(rows)],
            "nm": [f"={row}" for row in range(rows)],
            "category": categories,
            "image_hash": [f"{row}" for row in range(rows)],
        }
    ).to_parquet(folder / "table.parquet")
    np.savez(folder / "x.npz", **vectors, nm=np.arange(rows))
    return ClassifiedListings(to_path(folder / "table.parquet"), folder / "x.npz", truth)
