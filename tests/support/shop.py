"""A very small shop for tests: coloured squares with Russian titles, and tiny ruCLIPs to judge."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from upath import UPath

from vitrina.model.folder import folder_fingerprint
from vitrina.model.tiny import make_tiny
from vitrina.results import ModelResult

COLOURS = {
    "красная": (200, 30, 30),
    "синяя": (30, 30, 200),
    "зелёная": (30, 150, 60),
    "белая": (245, 245, 245),
    "чёрная": (20, 20, 20),
}
KINDS = {"кружка": "Посуда", "ваза": "Дом", "футболка": "Одежда", "тарелка": "Посуда"}


def draw_shop(folder: Path, rows: int = 120) -> pd.DataFrame:
    """A processed table with a category, a few titles twice, and its images."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    listings = []
    for nm in range(rows):
        if nm % 10 != 9:  # every tenth is listed a second time
            kind, colour = rng.choice(list(KINDS)), rng.choice(list(COLOURS))
        size = (int(rng.integers(60, 90)), int(rng.integers(60, 90)))
        path = folder / f"{nm}.jpg"
        Image.new("RGB", size, COLOURS[colour]).save(path)
        title = f"{kind.capitalize()} {colour}, артикул {nm - nm % 10 // 9}"
        listings.append(
            {"title": title, "image_path": str(path), "nm": nm, "category": KINDS[kind]}
        )
    return pd.DataFrame(listings)


def tiny_model(folder: Path, table: pd.DataFrame, seed: int) -> ModelResult:
    """A tiny ruCLIP folder with random weights."""
    make_tiny(table["title"], folder, seed)
    return ModelResult(folder=str(folder), fingerprint=folder_fingerprint(UPath(folder)))
