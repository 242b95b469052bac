"""A catalogue of colored squares and a very small ruCLIP: a training in a second."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import youtokentome as yttm
from PIL import Image

from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.model.model import RuCLIP, build, load_folder, save_folder
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import Progress, RunFolder
from vitrina.training.data.queries import TrainingQueries
from vitrina.training.fine_tune import fine_tune
from vitrina.training.loop import TrainingRun

Train = Callable[..., Progress]  # of the fixture ``train``
ROWS, HELD_OUT = 24, 12  # of the fixture ``table``
COLORS = {
    "красный": (200, 30, 30),
    "синий": (30, 30, 200),
    "зелёный": (30, 160, 50),
    "жёлтый": (230, 210, 40),
    "чёрный": (20, 20, 20),
    "белый": (245, 245, 245),
}
THINGS = ("платье", "рубашка", "сумка", "чашка", "лампа")
ARCHITECTURE = {
    "embed_dim": 16,
    "image_resolution": 32,
    "vision_layers": 2,
    "vision_width": 64,
    "vision_patch_size": 16,
    "context_length": 20,
    "vocab_size": 120,
    "transformer_width": 32,
    "transformer_heads": 2,
    "transformer_layers": 2,
}


def catalogue(folder: Path, rows: int = 40, seed: int = 0) -> pd.DataFrame:
    """A processed table whose images show what titles say: a color, and a thing by its height."""
    random = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    listings = []
    for nm in range(rows):
        color, thing = list(COLORS)[random.integers(6)], int(random.integers(5))
        pixels = np.full((40, 30, 3), 128, np.uint8)
        pixels[thing * 8 : thing * 8 + 8, 3:27] = COLORS[color]
        path = folder / "images" / f"{nm}.jpg"
        Image.fromarray(pixels).save(path, quality=95)
        listings.append(
            {
                "title": f"{color} {THINGS[thing]} {nm}",
                "image_path": str(path),
                "nm": nm,
                "description": f"{THINGS[thing]} номер {nm}. Цвет этой вещи {color}. Новая.",
                "image_hash": f"{nm:032x}",
            }
        )
    return pd.DataFrame(listings)


def small_model(folder: Path, table: pd.DataFrame, seed: int = 0, **changes: Any) -> RuCLIP:
    """A ruCLIP folder of the small architecture with random weights, loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus, tokenizer = folder / "corpus.txt", folder / "trained.model"
    corpus.write_text("\n".join([*table["title"], *table["description"]]), encoding="utf-8")
    config = {**ARCHITECTURE, **changes}
    yttm.BPE.train(str(corpus), str(tokenizer), config["vocab_size"], n_threads=1)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        clip = build(config)
    save_folder(RuCLIP(clip, tokenizer, config), folder / "model")
    return load_folder(folder / "model")


def small_config(**changes: Any) -> TrainConfig:
    """Three epochs of three steps, for 24 rows, at a rate that learns."""
    return TrainConfig(**{"num_epochs": 3, "batch_size": 8, "lr": 3e-3, **changes})


def small_fine_tune(
    table: pd.DataFrame,
    held_out: pd.DataFrame,
    model: RuCLIP,
    folder: Path,
    config: TrainConfig,
    listing: ListingConfig = BY_TITLE,
    queries: TrainingQueries | None = None,
    **run: Any,
) -> Progress:
    """A training into a local folder."""
    run_folder = RunFolder(to_path(folder), "key", {"parameters": config.content()})
    return fine_tune(
        table, held_out, model, config, TrainingRun(run_folder, **run), listing, queries
    )


def records(folder: Path) -> list[dict[str, float]]:
    """The records of metrics.jsonl."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def weights_of(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """The weights in a checkpoint."""
    content = torch.load(folder / name, weights_only=True)
    weights: dict[str, torch.Tensor] = content["model_state_dict"]
    return weights
