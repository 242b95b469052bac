"""Listings with planted flaws, constructed as vectors and small images."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageFilter
from upath import UPath

from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import to_path

KINDS = 12
SWAPPED = range(0, 60, 2)
PLACEHOLDERS = range(601, 613)
VARIANTS = range(701, 709)
BLURRED = range(301, 306)
BLANK = 310
SMALL = range(401, 405)
UNREADABLE = 420
WRONG_CATEGORY = range(501, 509)


@dataclass(frozen=True)
class FlawedListings:
    """A processed table in a file, and its vectors."""

    table: UPath
    npz: Path


def flawed_listings(folder: Path, rows: int = 900, dim: int = 48) -> FlawedListings:
    """Write the listings; the numbers of the flawed ones are above."""
    rng = np.random.default_rng(0)
    kind = np.arange(rows) % KINDS
    centres = unit(rng.standard_normal((KINDS, dim)))
    own = unit(rng.standard_normal((rows, dim)))
    text = unit(centres[kind] + 0.5 * own + 0.25 * unit(rng.standard_normal((rows, dim))))
    img = unit(centres[kind] + 0.5 * own + 0.25 * unit(rng.standard_normal((rows, dim))))
    titles = [f"Товар {row}" for row in range(rows)]
    hashes = [fingerprint(row) for row in range(rows)]
    for row in SWAPPED:
        other = row + 1  # of another kind
        text[[row, other]] = text[[other, row]]
        titles[row], titles[other] = titles[other], titles[row]
    for group in (PLACEHOLDERS, VARIANTS):
        img[list(group)] = img[group[0]]
        for row in group:
            hashes[row] = hashes[group[0]]
    text[list(VARIANTS)] = unit(
        text[VARIANTS[0]] + 0.02 * rng.standard_normal((len(VARIANTS), dim))
    )
    category = [f"Вид {one}" for one in kind]
    for row in VARIANTS:
        category[row] = category[VARIANTS[0]]
    for row in WRONG_CATEGORY:
        category[row] = f"Вид {(kind[row] + 5) % KINDS}"
    shown = {row: group[0] for group in (PLACEHOLDERS, VARIANTS) for row in group}
    paths = [write_image(folder / f"{row}.jpg", shown.get(row, row)) for row in range(rows)]
    pd.DataFrame(
        {
            "title": titles,
            "image_path": paths,
            "nm": np.arange(rows) + 1_000,
            "category": category,
            "image_hash": hashes,
        }
    ).to_parquet(folder / "table.parquet")
    np.savez(folder / "x.npz", text=text, img=img, nm=np.arange(rows))
    return FlawedListings(to_path(folder / "table.parquet"), folder / "x.npz")


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length one, float32."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def write_image(path: Path, row: int) -> str:
    """The image of a listing: coarse noise, blurred, blank, small or damaged where planned."""
    rng = np.random.default_rng(row)
    noise = rng.integers(0, 255, (12, 9, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((72, 96), Image.Resampling.NEAREST)
    if row in BLURRED:
        image = image.filter(ImageFilter.GaussianBlur(6))
    if row == BLANK:
        image = Image.new("RGB", (72, 96), "white")
    if row in SMALL:
        image = image.resize((30, 40))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    path.write_bytes(b"no image" if row == UNREADABLE else file.getvalue())
    return str(path)
