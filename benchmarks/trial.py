"""One trial of the training benchmarks: train a tiny model and measure it on held-out rows."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks.original_recipe import Halving, train_original
from vitrina.catalog.split import split_rows
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.evaluation.metrics import retrieval_metrics
from vitrina.model.model import RuCLIP, load_folder
from vitrina.model.tiny import make_tiny
from vitrina.model.tokenize import tokenize
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import RunFolder
from vitrina.training.chunked_features import chunked_text_features
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.data.queries import TrainingQueries
from vitrina.training.distributed import World
from vitrina.training.fine_tune import fine_tune
from vitrina.training.frozen_features import text_features
from vitrina.training.loop import TrainingRun
from vitrina.training.towers import TrainingTowers
from vitrina.training.validation import HeldOut, Validation

Split = np.ndarray
Metrics = dict[str, float]
CPU = torch.device("cpu")
# Random weights need another learning rate and more epochs; the rest is the default recipe.
# All trainings of a comparison take the same number of steps, so none stops early.
FROM_SCRATCH: Mapping[str, Any] = {"num_epochs": 20, "batch_size": 64, "lr": 1e-3, "patience": 0}
VISIBLE = ("kind", "colour", "pattern")  # a title names the size and the material too
# Many test rows: a small test set is too noisy to compare two trainings.
HELD_OUT = {"validation_fraction": 0.1, "test_fraction": 0.4}


def split_of(table: pd.DataFrame, seed: int) -> Split:
    """'train', 'validation' or 'test' for each row; products are not divided."""
    return split_rows(table, HELD_OUT["validation_fraction"], HELD_OUT["test_fraction"], seed)


def by_combination(table: pd.DataFrame, seed: int) -> np.ndarray:
    """'train', 'validation' (a tenth) or 'test' (a fifth) for each row, by colour and kind."""
    combination = table["colour"] + " " + table["kind"]
    names = np.sort(combination.unique())
    drawn = np.random.default_rng(seed).permutation(names)
    validation, test, _ = np.split(drawn, [len(names) // 10, len(names) * 3 // 10])
    split = np.full(len(table), "train", dtype="<U10")
    split[combination.isin(validation)] = "validation"
    split[combination.isin(test)] = "test"
    return split


def base_model(
    table: pd.DataFrame, folder: Path, seed: int, listing: ListingConfig = BY_TITLE
) -> RuCLIP:
    """A tiny ruCLIP with random weights; its tokenizer is trained on the whole table."""
    texts = TextTemplate.parse(listing.text).render(table)
    make_tiny([*texts, *table["description"]], folder / f"tiny-{seed}", seed)
    return load_folder(folder / f"tiny-{seed}")


def trained(
    table: pd.DataFrame,
    split: Split,
    model: RuCLIP,
    config: TrainConfig,
    listing: ListingConfig = BY_TITLE,
    queries: TrainingQueries | None = None,
) -> RuCLIP:
    """The model after a training with our recipe."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        run = TrainingRun(RunFolder(to_path(scratch), "key", {"parameters": config.content()}))
        rows, held_out = (table[split == part] for part in ("train", "validation"))
        fine_tune(rows, held_out, model, config, run, listing, queries)
        found = load_folder(Path(scratch) / "ruclip")
        return RuCLIP(found.clip, model.tokenizer_path, found.config)


def recall(
    model: RuCLIP,
    rows: pd.DataFrame,
    relevant: Sequence[str] = ("title",),
    listing: ListingConfig = BY_TITLE,
) -> Metrics:
    """Retrieval metrics; rows with equal values in ``relevant`` are relevant to each other."""
    groups = rows.groupby(list(relevant)).ngroup().to_numpy()
    return retrieval_metrics(*features(model, rows, listing), groups)


def features(
    model: RuCLIP, rows: pd.DataFrame, listing: ListingConfig = BY_TITLE
) -> tuple[np.ndarray, np.ndarray]:
    """Features of the images and of the texts, each float32 (rows, dim) of unit length."""
    pairs, config = pairs_from(rows, listing), TrainConfig()
    pixels = pixels_of(pairs, model, config.cache_gb)
    validation = Validation(HeldOut(pairs, pairs.groups), pixels, model, World())
    return validation.features(TrainingTowers(model, config, CPU), CPU)


def text_vectors(model: RuCLIP, texts: Sequence[str]) -> np.ndarray:
    """Features of texts, float32 (texts, dim) of unit length."""
    towers = TrainingTowers(model, TrainConfig(), CPU)
    ids = tokenize(model.tokenizer, list(texts))
    return chunked_text_features(
        towers, ids, lambda padded: text_features(towers, padded, CPU)
    ).numpy()


def untrained(table: pd.DataFrame, folder: Path, seed: int) -> Metrics:
    """Held-out metrics of the random weights."""
    return recall(base_model(table, folder, seed), table[split_of(table, seed) == "test"])


def ours(table: pd.DataFrame, folder: Path, seed: int, /, **changes: Any) -> Metrics:
    """Held-out metrics of our recipe from random weights."""
    config = TrainConfig(**{**FROM_SCRATCH, "seed": seed, **changes})
    split = split_of(table, seed)
    model = trained(table, split, base_model(table, folder, seed), config)
    return recall(model, table[split == "test"])


def original(table: pd.DataFrame, folder: Path, seed: int, lr: float, halving: Halving) -> Metrics:
    """Held-out metrics of the original recipe with the same weights, rows, steps and batch size."""
    split, same = split_of(table, seed), FROM_SCRATCH
    base, rows = base_model(table, folder, seed), table[split == "train"]
    model = train_original(base, rows, same["num_epochs"], same["batch_size"], lr, halving, seed)
    return recall(model, table[split == "test"])


def markdown(found: Mapping[str, list[Metrics]], columns: Sequence[str]) -> str:
    """A Markdown table of mean ± standard deviation over the seeds."""

    def cell(results: list[Metrics], column: str) -> str:
        values = [one[column] for one in results]
        return f"{mean(values):.3f} ± {stdev(values) if len(values) > 1 else 0:.3f}"

    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, results in found.items():
        lines.append(f"| {name} | " + " | ".join(cell(results, one) for one in columns) + " |")
    return "\n".join(lines)
