"""The optimizer from random weights, in the same passes over the data, on two kinds of images."""

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.stamps import stamps
from benchmarks.trial import (
    FROM_SCRATCH,
    VISIBLE,
    Metrics,
    base_model,
    by_combination,
    markdown,
    recall,
    split_of,
    trained,
)
from vitrina.config.training import TrainConfig

ADAMW = "AdamW"
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    ADAMW: {"optimizer": "adamw", "augment": "none"},
    "AdamW, augment: light": {"optimizer": "adamw", "augment": "light"},
    "Muon": {"augment": "none"},
    "the default recipe: Muon, augment: light": {},
}
COLUMNS = [f"recall@{depth}" for depth in (1, 5, 10)]


def optimizers(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Unseen combinations of the demo's colours and kinds, and unseen stamps of Tux Paint."""
    drawn = _compare(table, folder / "drawn", seeds, by_combination, VISIBLE)
    real = stamps(folder / "stamps")
    found = _compare(real, folder / "real", seeds, split_of, ("title",))
    return "\n\n".join(
        [
            f"### The demo's unseen combinations, {len(table)} rows",
            _described(drawn),
            f"### Tux Paint's stamps, {len(real)} rows",
            _described(found),
        ]
    )


def _compare(
    table: pd.DataFrame,
    folder: Path,
    seeds: range,
    split_by: Callable[[pd.DataFrame, int], np.ndarray],
    relevant: tuple[str, ...],
) -> dict[str, list[Metrics]]:
    folder.mkdir()
    found: dict[str, list[Metrics]] = {name: [] for name in SETTINGS}
    for seed in seeds:
        split, base = split_by(table, seed), base_model(table, folder, seed)
        for name, changes in SETTINGS.items():
            config = TrainConfig(**{**FROM_SCRATCH, **changes, "seed": seed})
            metrics = recall(trained(table, split, base, config), table[split == "test"], relevant)
            row = {f"recall@{k}": metrics[f"mean_recall_at_{k}"] for k in (1, 5, 10)}
            found[name].append(row)
            print(f"    {name}, seed {seed}: recall@1 {row['recall@1']:.3f}", flush=True)
    return found


def _described(found: Mapping[str, list[Metrics]]) -> str:
    lines = [markdown(found, COLUMNS), ""]
    means = {name: [mean(one[k] for one in rows) for k in COLUMNS] for name, rows in found.items()}
    for name in found:
        if name != ADAMW:
            pairs = zip(means[name], means[ADAMW], strict=True)
            ratios = ", ".join(f"{ours / theirs:.2f}" for ours, theirs in pairs)
            lines.append(f"{name}: {ratios} times {ADAMW}'s {', '.join(COLUMNS)}.")
    return "\n".join(lines)
