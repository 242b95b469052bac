"""Settings of a training from random weights, in equal passes over two kinds of images."""

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd

from benchmarks.trial import FROM_SCRATCH, Metrics, markdown, recall, trained
from benchmarks.trial_data import TrialData, drawn_and_real
from vitrina.config.training import TrainConfig

Settings = Mapping[str, Mapping[str, Any]]  # by name; the others are compared with the first

OPTIMIZERS: Settings = {
    "AdamW": {"optimizer": "adamw", "augment": "none"},
    "AdamW, augment: light": {"optimizer": "adamw", "augment": "light"},
    "Muon": {"augment": "none"},
    "the default recipe: Muon, augment: light": {},
}
PRECISIONS: Settings = {
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
    "float32, AdamW": {"precision": "float32", "optimizer": "adamw"},
    "bfloat16, AdamW": {"precision": "bfloat16", "optimizer": "adamw"},
}
COLUMNS = [f"recall@{depth}" for depth in (1, 5, 10)]


def optimizers(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """AdamW and Muon, on the demo and on real images."""
    return _on_both(table, folder, seeds, OPTIMIZERS)


def precisions(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """float32 and bfloat16, on the demo and on real images."""
    return _on_both(table, folder, seeds, PRECISIONS)


def _on_both(table: pd.DataFrame, folder: Path, seeds: range, settings: Settings) -> str:
    parts = [
        f"### {data.name}\n\n{_described(_compare(data, seeds, settings))}"
        for data in drawn_and_real(table, folder)
    ]
    return "\n\n".join(parts)


def _compare(data: TrialData, seeds: range, settings: Settings) -> dict[str, list[Metrics]]:
    found: dict[str, list[Metrics]] = {name: [] for name in settings}
    for seed, split, base in data.trials(seeds):
        rows = data.table[split == "test"]
        for name, changes in settings.items():
            config = TrainConfig(**{**FROM_SCRATCH, **changes, "seed": seed})
            metrics = recall(trained(data.table, split, base, config), rows, data.relevant)
            row = {f"recall@{k}": metrics[f"mean_recall_at_{k}"] for k in (1, 5, 10)}
            found[name].append(row)
            print(f"    {name}, seed {seed}: recall@1 {row['recall@1']:.3f}", flush=True)
    return found


def _described(found: Mapping[str, list[Metrics]]) -> str:
    lines = [markdown(found, COLUMNS), ""]
    means = {name: [mean(one[k] for one in rows) for k in COLUMNS] for name, rows in found.items()}
    first, *others = found
    for name in others:
        pairs = zip(means[name], means[first], strict=True)
        ratios = ", ".join(f"{ours / theirs:.2f}" for ours, theirs in pairs)
        lines.append(f"{name}: {ratios} times {first}'s {', '.join(COLUMNS)}.")
    return "\n".join(lines)
