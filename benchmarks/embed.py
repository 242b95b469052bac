"""Embedding against the plain way, on full-size random weights and photo-like pictures.

python -m benchmarks.embed               about three minutes on two cores
python -m benchmarks.embed --rows 48 --repeats 5

Both ways take turns, so that a busy machine is busy for both. The rate of the machine's own matrix
product (torch.mm in float32, at the model's shapes) stands beside what the model reaches of it.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import torch
import tyro
from PIL import Image
from upath import UPath

from benchmarks import baseline
from tasks.config import EmbedConfig
from tasks.embed import Names, embed_table
from tasks.learning.embedder import Embedder, Templates
from tasks.learning.model import RuCLIP, build, load_folder
from tasks.learning.precision import Precision
from tasks.learning.text import TEMPLATES, tokenize
from tasks.learning.tiny import make_tiny
from tasks.storage import Artifact, location

CPU = torch.device("cpu")
BATCH_SIZE = 32
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


@dataclass(frozen=True)
class Comparison:
    """Items per second of both ways, repetition by repetition."""

    name: str
    plain: list[float]
    ours: list[float]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours was, in each repetition."""
        return [ours / plain for plain, ours in zip(self.plain, self.ours, strict=True)]

    def __str__(self) -> str:
        low, high = min(self.ratios), max(self.ratios)
        return (
            f"{self.name:34} plain {median(self.plain):7.2f}/s  ours {median(self.ours):7.2f}/s  "
            f"{median(self.ratios):5.2f} times ({low:.2f} to {high:.2f})"
        )


def photo(path: Path, seed: int, width: int = 900, height: int = 1200) -> None:
    """A JPEG with the spectrum of a photograph: noise of every scale, the coarse the strongest."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 128, np.float32)
    for scale in (300, 100, 30, 10, 3, 1):
        small = rng.normal(0, 1, (height // scale + 2, width // scale + 2, 3))
        levels = np.clip(128 + 40 * small, 0, 255).astype(np.uint8)
        layer = Image.fromarray(levels).resize((width, height), Image.Resampling.BICUBIC)
        pixels += (np.asarray(layer, np.float32) - 128) * (scale / 300) ** 0.5
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path, quality=90)


def load(folder: Path, rows: int) -> tuple[RuCLIP, pd.DataFrame]:
    """Random weights of full size with a tokenizer that knows the titles, and a table."""
    rng = np.random.default_rng(0)
    titles = [
        " ".join([rng.choice(NOUNS), *rng.choice(WORDS, 4, replace=False), f"{row:03}"])
        for row in range(rows)
    ]
    make_tiny([*titles * 3, *TEMPLATES], folder / "tiny")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        clip = build(ARCHITECTURE)
    model = RuCLIP(clip, load_folder(folder / "tiny").tokenizer_path, dict(ARCHITECTURE))
    paths = [folder / f"{row}.jpg" for row in range(rows)]
    for row, path in enumerate(paths):
        photo(path, row)
    return model, pd.DataFrame({"title": titles, "image_path": [str(path) for path in paths]})


def rate(items: int, work: Callable[[], object]) -> float:
    """Items per second of one run."""
    begin = time.perf_counter()
    work()
    return items / (time.perf_counter() - begin)


def image_gflop(config: dict[str, int], *, last_layer_whole: bool = True) -> float:
    """Multiplications and additions of one picture's matrix products, in 10^9.

    Without ``last_layer_whole`` the last layer reads the class token alone, as ours does.
    """
    width, patch = config["vision_width"], config["vision_patch_size"]
    patches = (config["image_resolution"] // patch) ** 2
    tokens = patches + 1

    def layer(read: int) -> int:
        keys, rest = 2 * width**2 * tokens, 10 * width**2 * read
        return keys + rest + 2 * tokens * read * width

    whole = config["vision_layers"] - (not last_layer_whole)
    products = whole * layer(tokens) + (not last_layer_whole) * layer(1)
    products += patches * 3 * patch**2 * width + width * config["embed_dim"]
    return 2 * products / 1e9


def sgemm_gflops(config: dict[str, int], pictures: int = 8) -> float:
    """10^9 float32 operations per second of torch.mm at the shapes of the image tower's layers."""
    width = config["vision_width"]
    tokens = (config["image_resolution"] // config["vision_patch_size"]) ** 2 + 1
    seconds, operations = 0.0, 0
    for inner, outer in [
        (width, 3 * width),
        (width, width),
        (width, 4 * width),
        (4 * width, width),
    ]:
        one, other = torch.randn(tokens * pictures, inner), torch.randn(inner, outer)
        runs = [1 / rate(1, lambda a=one, b=other: torch.mm(a, b)) for _ in range(4)]
        seconds += min(runs)
        operations += 2 * len(one) * inner * outer
    return operations / seconds / 1e9


def compare(
    name: str, items: int, repeats: int, plain: Callable[[], object], ours: Callable[[], object]
) -> Comparison:
    """Run both ways in turn."""
    ours()  # lays out the weights once
    pairs = [(rate(items, plain), rate(items, ours)) for _ in range(repeats)]
    return Comparison(name, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def farthest(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference of any number."""
    return float(np.abs(one - other).max())


def embedder(
    model: RuCLIP, precision: Precision = "float32", templates: Templates = "ruclip"
) -> Embedder:
    """Ours."""
    return Embedder(model, CPU, BATCH_SIZE, templates, precision)


def compare_pictures(model: RuCLIP, table: pd.DataFrame, repeats: int) -> None:
    """Pictures at equal values, and what of the machine's matrix product is reached."""
    paths, own = table["image_path"].tolist(), embedder(model)
    sgemm = []

    def plain() -> None:
        sgemm.append(sgemm_gflops(model.config))
        baseline.embed_pictures(model, paths, BATCH_SIZE)

    pairs = compare_with_sgemm(model, paths, own, repeats)
    print(pairs)


def main(rows: int = 32, repeats: int = 3) -> None:
    """Print every comparison with its spread."""
