"""The workload of the benchmarks: full-size random weights, realistic titles, and images."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.photos import photo
from vitrina.model.model import RuCLIP, build, load_folder
from vitrina.model.tiny import make_tiny
from vitrina.model.tokenize import TEMPLATES

ARCHITECTURE = {  # ruclip-vit-base-patch32-384
    "embed_dim": 512,
    "image_resolution": 384,
    "vision_layers": 12,
    "vision_width": 768,
    "vision_patch_size": 32,
    "context_length": 77,
    "vocab_size": 49408,
    "transformer_width": 512,
    "transformer_heads": 8,
    "transformer_layers": 12,
}
NOUNS = ["платье", "футболка", "куртка", "чайник", "кружка", "рюкзак", "кроссовки", "лампа"]
WORDS = ["женское", "красное", "летнее", "хлопок", "с принтом", "оверсайз", "для дома", "новинка"]


def full_size(folder: Path, titles: list[str]) -> RuCLIP:
    """ruclip-vit-base-patch32-384 with random weights, and a tokenizer trained on the titles."""
    make_tiny([*titles * 3, *TEMPLATES], folder / "tiny")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        clip = build(ARCHITECTURE)
    return RuCLIP(clip, load_folder(folder / "tiny").tokenizer_path, dict(ARCHITECTURE))


def table(folder: Path, rows: int, distinct: int | None = None) -> pd.DataFrame:
    """Distinct titles of 8 to 12 tokens, and JPEGs of 900 × 1,200, by default all distinct.

    Each row has its own file; equal images are hard links.
    """
    rng = np.random.default_rng(0)
    listings = []
    for row in range(rows):
        path = folder / f"{row}.jpg"
        if distinct is None or row < distinct:
            path.write_bytes(photo(row))
        else:
            os.link(folder / f"{row % distinct}.jpg", path)
        words = rng.choice(WORDS, rng.integers(5, 8), replace=False)
        title = " ".join([rng.choice(NOUNS), *words, str(row)])
        listings.append({"title": title, "image_path": str(path), "nm": row})
    return pd.DataFrame(listings)
