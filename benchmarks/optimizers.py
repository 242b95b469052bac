"""The optimizer from random weights, in the same passes over the data, on two kinds of images."""

from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd

from benchmarks.trial import FROM_SCRATCH, Metrics, markdown, recall, trained
from benchmarks.trial_data import TrialData, drawn_and_real
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
    """Equal passes over the demo and over real images."""
    parts = [
        f"### {data.name}\n\n{_described(_compare(data, seeds))}"
        for data in drawn_and_real(table, folder)
    ]
    return "\n\n".join(parts)


def _compare(data: TrialData, seeds: range) -> dict[str, list[Metrics]]:
    found: dict[str, list[Metrics]] = {name: [] for name in SETTINGS}
    for seed, split, base in data.trials(seeds):
        rows = data.table[split == "test"]
        for name, changes in SETTINGS.items():
            config = TrainConfig(**{**FROM_SCRATCH, **changes, "seed": seed})
            metrics = recall(trained(data.table, split, base, config), rows, data.relevant)
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
