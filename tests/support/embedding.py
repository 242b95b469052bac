"""Listings with images of noise, and the vectors that embedding them gives."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from upath import UPath

from vitrina.model.folder import folder_fingerprint
from vitrina.model.tiny import make_tiny
from vitrina.results import EmbedResult, ModelResult, VectorOrigin
from vitrina.store.files import read_bytes
from vitrina.store.fingerprint import file_fingerprint
from vitrina.store.paths import to_path

ROWS = 10


def noise_listings(folder: Path) -> pd.DataFrame:
    """Ten listings with images of noise and the hashes of these."""
    generator = np.random.default_rng(0)
    listings = []
    for nm in range(ROWS):
        path = folder / f"{nm}.png"
        Image.fromarray(generator.integers(0, 255, (70, 64, 3), dtype=np.uint8)).save(path)
        listings.append(
            {
                "title": f"Кружка номер {nm}",
                "image_path": str(path),
                "nm": 1000 + nm,
                "image_hash": file_fingerprint(to_path(path)),
            }
        )
    return pd.DataFrame(listings)


def mug_model(folder: Path, seed: int = 0) -> ModelResult:
    """A tiny ruCLIP folder whose tokenizer knows the listings' titles."""
    make_tiny([f"Кружка синяя с котом номер {number}" for number in range(40)], folder, seed)
    return ModelResult(folder=str(folder), fingerprint=folder_fingerprint(UPath(folder)))


def origin(arithmetic: str = "cpu float32", model: str = "m") -> VectorOrigin:
    """What made some vectors."""
    return VectorOrigin(
        model=model,
        model_folder=f"models/{model}",
        templates=("{}", "фото {}"),
        text="{title}",
        arithmetic=arithmetic,
    )


def arrays(result: EmbedResult) -> dict[str, np.ndarray]:
    """The content of the NPZ."""
    with np.load(io.BytesIO(read_bytes(to_path(result.npz)))) as loaded:
        return dict(loaded)


def assert_same_vectors(one: EmbedResult, other: EmbedResult) -> None:
    """Equal ids in equal order, and vectors equal to 1e-6."""
    first, second = arrays(one), arrays(other)
    np.testing.assert_array_equal(first["nm"], second["nm"])
    for name in ("text", "img"):
        np.testing.assert_allclose(first[name], second[name], atol=1e-6)
