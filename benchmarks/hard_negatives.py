"""What batches with hard negatives are worth in the same passes, on two kinds of images."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.trial import FROM_SCRATCH, features, trained
from benchmarks.trial_data import TrialData, drawn_and_real
from vitrina.catalog.products import product_groups
from vitrina.config.training import TrainConfig
from vitrina.evaluation.bootstrap import REPLICATES, percentile_interval, product_weights
from vitrina.evaluation.metrics import retrieval_figures

OFF = "off (the default)"
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    OFF: {},
    "off, in another order": {"seed": 100},  # the effect of chance alone
    "hard_negatives 0.5": {"hard_negatives": 0.5},
    "hard_negatives 1": {"hard_negatives": 1},
}
DIRECTIONS = ("text_to_image", "image_to_text")
HEAD = "| | recall@1 | recall@10 | MRR | difference in MRR | time |"


@dataclass(frozen=True)
class Measured:
    """Figures of each test row, the mean of both directions, and the training's CPU seconds.

    ``product`` int64 (rows,): of the whole table, so that it is the same for every seed.
    """

    figures: Mapping[str, np.ndarray]  # float64 (rows,)
    product: np.ndarray
    seconds: float


def hard_negatives(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Equal passes over the demo and over real images.

    Intervals are of the difference from the default with the same seed: 95%, by bootstrap over
    products, all seeds together.
    """
    lines = [HEAD, "|---" * HEAD.count(" | ") + "|---|"]
    for data in drawn_and_real(table, folder):
        lines += _lines(data.name, _compare(data, seeds))
    return "\n".join(lines)


def _compare(data: TrialData, seeds: range) -> dict[str, list[Measured]]:
    table, found = data.table, {name: list[Measured]() for name in SETTINGS}
    product = product_groups(table)
    for seed, split, base in data.trials(seeds):
        is_test = split == "test"
        features(base, table)  # decodes the images, so that no training's time has it
        groups = table[is_test].groupby(list(data.relevant)).ngroup().to_numpy()
        for name, changes in SETTINGS.items():
            config = TrainConfig(**{**FROM_SCRATCH, "seed": seed, **changes})
            start = time.process_time()
            model = trained(table, split, base, config)
            seconds = time.process_time() - start
            figures = _figures(retrieval_figures(*features(model, table[is_test]), groups))
            found[name].append(Measured(figures, product[is_test], seconds))
            means = ", ".join(f"{label} {values.mean():.3f}" for label, values in figures.items())
            print(f"    seed {seed}, {name}: {means}, {seconds:.0f} s of CPU", flush=True)
    return found


def _figures(found: pd.DataFrame) -> dict[str, np.ndarray]:
    """The mean of both directions for each row."""

    def both(values: Callable[[str], "pd.Series[float]"]) -> np.ndarray:
        mean_of_both: np.ndarray = np.mean([values(one) for one in DIRECTIONS], axis=0)
        return mean_of_both

    return {
        "recall@1": both(lambda direction: found[f"{direction}_recall_at_1"]),
        "recall@10": both(lambda direction: found[f"{direction}_recall_at_10"]),
        "MRR": both(lambda direction: 1 / found[f"{direction}_rank"]),
    }


def _lines(data: str, found: Mapping[str, list[Measured]]) -> list[str]:
    off, lines = found[OFF], [f"| **{data}** | | | | | |"]
    for name, ones in found.items():
        cells = [_spread([one.figures[label].mean() for one in ones]) for label in off[0].figures]
        ratio = sum(one.seconds for one in ones) / sum(one.seconds for one in off)
        cells += [_difference(ones, off), f"× {ratio:.2f}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.3f} ± {stdev(values) if len(values) > 1 else 0:.3f}"


def _difference(ones: Sequence[Measured], off: Sequence[Measured]) -> str:
    """The difference in MRR with its interval."""
    if ones is off:
        return "0"
    pairs = zip(ones, off, strict=True)
    values = np.concatenate([new.figures["MRR"] - old.figures["MRR"] for new, old in pairs])
    groups = np.concatenate([one.product for one in ones])
    weights = np.concatenate(list(product_weights(groups, REPLICATES)))
    samples = (weights @ values) / weights.sum(axis=1)
    low, high = percentile_interval(samples, len(np.unique(groups)))
    return f"{values.mean():+.3f} ({low:+.3f} to {high:+.3f})"
