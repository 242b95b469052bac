"""Listings with known products, constructed as vectors: no model and no images are needed.

A category has kinds of goods, a kind has products that are variants of each other. Some products
are listed again: with the same title, with the same image, with both other, or as a copy. A title
or an image that is written or taken anew moves its vector a little, more for some listings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from vitrina.embedding.npz import ChunkedArray, write_npz

KINDS = ("copy", "title", "image", "similar")
SHARES = (0.05, 0.25, 0.2, 0.5)  # of the listings that repeat a product, by what they keep of it
REPEATED = 0.2  # share of listings that repeat a product
VARIANTS = 25  # products of a kind
TRUTH = "product"  # column with the product of each listing
LABELLED = "article"  # the same, where it is known: for a third of the products
CATEGORIES = 40
CHUNK, POOL = 8_192, 4_096  # rows made at a time; vectors that all others are sums of

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Constructed:
    """The files of the listings: a processed table and its vectors."""

    table: Path
    npz: Path
    product: npt.NDArray[np.int64]


def construct(folder: Path, rows: int, dim: int = 512, seed: int = 0) -> Constructed:
    """Write listings of ``rows`` rows in random order; equal arguments give equal files."""
    rng = np.random.default_rng(seed)
    products = rows - int(REPEATED * rows)
    product = np.concatenate([np.arange(products), rng.integers(0, products, rows - products)])
    kept = rng.choice(len(KINDS), rows, p=SHARES)
    kept[:products] = KINDS.index("similar")
    # Version 0 of a product's title or image is that of its first listing.
    title = np.where(np.isin(kept, (0, 1)), 0, np.arange(rows))
    image = np.where(np.isin(kept, (0, 2)), 0, np.arange(rows))
    title[:products] = image[:products] = 0
    order = rng.permutation(rows)
    product, title, image = product[order], title[order], image[order]
    _write_table(folder / "table.parquet", product, title, image)
    arrays = {
        name: ChunkedArray(np.float32, (rows, dim), list(_vectors(product, version, dim, number)))
        for number, (name, version) in enumerate((("text", title), ("img", image)))
    }
    arrays["nm"] = ChunkedArray(np.int64, (rows,), [np.arange(rows)])
    write_npz(folder / "embeddings.npz", arrays)
    return Constructed(folder / "table.parquet", folder / "embeddings.npz", product)


def _write_table(
    path: Path,
    product: npt.NDArray[np.int64],
    title: npt.NDArray[np.int64],
    image: npt.NDArray[np.int64],
) -> None:
    rows = len(product)
    versions = zip(product, title, strict=True)
    titles = [f"Товар {one}, вариант {version}" for one, version in versions]
    images = [f"{one}-{version}" for one, version in zip(product, image, strict=True)]
    pq.write_table(
        pa.table(
            {
                "title": titles,
                "image_path": [f"{nm}.jpg" for nm in range(rows)],
                "nm": np.arange(rows),
                TRUTH: product,
                LABELLED: [f"A{one}" if one % 3 == 0 else None for one in product.tolist()],
                "image_hash": images,
            }
        ),
        path,
    )


def _vectors(
    product: npt.NDArray[np.int64], version: npt.NDArray[np.int64], dim: int, side: int
) -> Iterator[Vectors]:
    """Unit vectors of the titles (side 0) or images (side 1), chunk by chunk."""
    pool = np.random.default_rng(side).standard_normal((POOL, dim), dtype=np.float32)
    for start in range(0, len(product), CHUNK):
        of, taken = product[start : start + CHUNK], version[start : start + CHUNK]
        kind = of // VARIANTS
        vectors = _drawn(pool, kind % CATEGORIES, 1) + 0.9 * _drawn(pool, kind, 2)
        vectors += _between(of, 3, 0.5, 0.9) * _drawn(pool, of, 4)
        vectors += _between(taken, 5, 0.1, 0.9) * (taken > 0)[:, None] * _drawn(pool, taken, 6)
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _drawn(pool: Vectors, numbers: npt.NDArray[np.int64], salt: int) -> Vectors:
    """A vector for each number, of a standard normal distribution; equal for equal numbers."""
    places = _hashed(numbers, salt) % POOL, _hashed(numbers, salt + 100) % POOL
    drawn: Vectors = (pool[places[0]] + pool[places[1]]) / np.float32(np.sqrt(2))
    return drawn


def _between(numbers: npt.NDArray[np.int64], salt: int, low: float, high: float) -> Vectors:
    """A value between ``low`` and ``high`` for each number, float32 (numbers, 1)."""
    share = _hashed(numbers, salt) % 1_000 / 1_000
    return (low + (high - low) * share).astype(np.float32)[:, None]


def _hashed(numbers: npt.NDArray[np.int64], salt: int) -> npt.NDArray[np.int64]:
    """Large integers that look random, after splitmix64."""
    mixed = (numbers.astype(np.uint64) + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (mixed >> np.uint64(2)).astype(np.int64)
