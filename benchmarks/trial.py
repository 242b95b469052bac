"""One trial of the training benchmarks: a tiny model, a training, its figures on held-out rows."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.seed_recipe import Halving, train_as_the_seed
from vitrina.catalog.split import split_rows
from vitrina.config import TrainConfig
from vitrina.model.model import RuCLIP, load_folder
from vitrina.model.tiny import make_tiny
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import RunFolder
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.distributed import World
from vitrina.training.fine_tune import fine_tune
from vitrina.training.loop import TrainingRun
from vitrina.training.towers import TrainingTowers
from vitrina.training.validation import HeldOut, Validation

Side = np.ndarray
Figures = dict[str, float]
CPU = torch.device("cpu")
# Weights that start at random need a rate and epochs of their own; the rest is the default recipe.
# All trainings of a comparison take the same steps, so none stops early.
FROM_NOTHING: Mapping[str, Any] = {"num_epochs": 20, "batch_size": 64, "lr": 1e-3, "patience": 0}
VISIBLE = ("kind", "colour", "pattern")  # a title names the size and the material too
# Many test rows: a difference between two trainings drowns in the noise of a small test.
HELD_OUT = {"validation_fraction": 0.1, "test_fraction": 0.4}


def sides(table: pd.DataFrame, seed: int) -> Side:
    """'train', 'validation' or 'test' for each row, by product."""
    return split_rows(table, HELD_OUT["validation_fraction"], HELD_OUT["test_fraction"], seed)


def base_model(table: pd.DataFrame, folder: Path, seed: int) -> RuCLIP:
    """The tiny ruCLIP with random weights; its tokenizer knows the whole table's words."""
    make_tiny([*table["title"], *table["description"]], folder / f"tiny-{seed}", seed)
    return load_folder(folder / f"tiny-{seed}")


def trained(table: pd.DataFrame, side: Side, model: RuCLIP, config: TrainConfig) -> RuCLIP:
    """The model that a training with our recipe ends with."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        run = TrainingRun(RunFolder(to_path(scratch), "key", {"parameters": config.content()}))
        fine_tune(table[side == "train"], table[side == "validation"], model, config, run)
        found = load_folder(Path(scratch) / "ruclip")
        return RuCLIP(found.clip, model.tokenizer_path, found.config)


def recall(model: RuCLIP, rows: pd.DataFrame, right: Sequence[str] = ("title",)) -> Figures:
    """Retrieval figures of a model; rows equal in all of ``right`` are right for each other."""
    pairs, config = pairs_from(rows), TrainConfig()
    groups = rows.groupby(list(right)).ngroup().to_numpy()
    pixels = pixels_of(pairs, model, config.cache_gb)
    validation = Validation(HeldOut(pairs, groups), pixels, model, World())
    return validation.run(TrainingTowers(model, config, CPU), CPU)


def untrained(table: pd.DataFrame, folder: Path, seed: int) -> Figures:
    """Held-out figures of the random weights."""
    return recall(base_model(table, folder, seed), table[sides(table, seed) == "test"])


def ours(table: pd.DataFrame, folder: Path, seed: int, /, **changes: Any) -> Figures:
    """Held-out figures of our recipe on random weights."""
    config = TrainConfig(**{**FROM_NOTHING, "seed": seed, **changes})
    side = sides(table, seed)
    model = trained(table, side, base_model(table, folder, seed), config)
    return recall(model, table[side == "test"])


def seeds_recipe(
    table: pd.DataFrame, folder: Path, seed: int, lr: float, halving: Halving
) -> Figures:
    """Held-out figures of the seed's recipe on the same weights, rows, steps and batch."""
    side, same = sides(table, seed), FROM_NOTHING
    base, rows = base_model(table, folder, seed), table[side == "train"]
    model = train_as_the_seed(base, rows, same["num_epochs"], same["batch_size"], lr, halving, seed)
    return recall(model, table[side == "test"])


def markdown(found: Mapping[str, list[Figures]], columns: Sequence[str]) -> str:
    """A table: mean ± standard deviation over the seeds."""

    def cell(results: list[Figures], column: str) -> str:
        values = [one[column] for one in results]
        return f"{mean(values):.3f} ± {stdev(values) if len(values) > 1 else 0:.3f}"

    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, results in found.items():
        lines.append(f"| {name} | " + " | ".join(cell(results, one) for one in columns) + " |")
    return "\n".join(lines)
