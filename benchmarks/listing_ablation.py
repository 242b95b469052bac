"""What a model sees of a listing: fields left out of its text, and one image or all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.trial import (
    FROM_SCRATCH,
    VISIBLE,
    Metrics,
    base_model,
    markdown,
    recall,
    split_of,
    trained,
)
from vitrina.catalog.processed_table import IMAGE_PATHS
from vitrina.config.text import ListingConfig
from vitrina.config.training import TrainConfig

FIELDS = ("colour", "pattern")
OF_FIELDS = ListingConfig(text="{title}. {colour}. {pattern}")
DROPOUTS = (0, 0.1, 0.3, 0.5)
FIRST, ALL = ListingConfig(several_images="first"), ListingConfig(several_images="mean")


def field_dropout(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Train on texts of three fields with each dropout; rank texts with all, half or none of them.

    A title is a kind of goods with a number; only the fields name colour and pattern. Listings that
    look the same are relevant to each other.
    """
    names = table["kind"] + ", артикул " + table["nm"].astype(str)
    rows = table.assign(title=names.str.capitalize())
    found: dict[str, list[Metrics]] = {f"field_dropout {dropout:g}": [] for dropout in DROPOUTS}
    for seed in seeds:
        split = split_of(rows, seed)
        base = base_model(rows, folder, seed, OF_FIELDS)
        test = rows[split == "test"]
        for dropout in DROPOUTS:
            config = TrainConfig(**FROM_SCRATCH, seed=seed, field_dropout=dropout)
            model = trained(rows, split, base, config, OF_FIELDS)
            metrics = {
                f"MRR, {share} of the fields": recall(
                    model, with_fields(test, kept), VISIBLE, OF_FIELDS
                )["mean_mrr"]
                for share, kept in (("all", 1.0), ("half", 0.5), ("none", 0.0))
            }
            found[f"field_dropout {dropout:g}"].append(metrics)
            print(f"    seed {seed}, dropout {dropout:g}: {metrics}", flush=True)
    columns = list(next(iter(found.values()))[0])
    return markdown(with_differences(found, columns), [*columns, *map(_difference, columns)])


def with_fields(rows: pd.DataFrame, share: float) -> pd.DataFrame:
    """The rows with each value of the fields kept with this probability, else missing."""
    random = np.random.default_rng(0)
    kept = {name: rows[name].where(random.random(len(rows)) < share, "") for name in FIELDS}
    return rows.assign(**kept)


def several_images(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Train and rank with the first image alone or with all; listings that look alike are relevant.

    The split and the ranked rows are the same. Raises ValueError if no listing has several images.
    """
    counts = table[IMAGE_PATHS].map(len) if IMAGE_PATHS in table.columns else pd.Series(1)
    if counts.max() < 2:
        raise ValueError("the demo has no listing with several images")
    print(f"    {np.mean(counts > 1):.0%} of the listings have several images", flush=True)
    sides = {"the first": FIRST, "all": ALL}
    found: dict[str, list[Metrics]] = {}
    for seed in seeds:
        split, base = split_of(table, seed), base_model(table, folder, seed)
        test = table[split == "test"]
        for trained_on, listing in sides.items():
            config = TrainConfig(**FROM_SCRATCH, seed=seed)
            model = trained(table, split, base, config, listing)
            for ranked, of in sides.items():
                name = f"trained on {trained_on}, ranked by {ranked}"
                metrics = recall(model, test, VISIBLE, of)
                found.setdefault(name, []).append(metrics)
                print(f"    seed {seed}, {name}: MRR {metrics['mean_mrr']:.3f}", flush=True)
    columns = ["mean_recall_at_1", "mean_recall_at_5", "mean_mrr"]
    return markdown(with_differences(found, ["mean_mrr"]), [*columns, _difference("mean_mrr")])


def with_differences(
    found: Mapping[str, list[Metrics]], columns: Sequence[str]
) -> Mapping[str, list[Metrics]]:
    """With the difference of each column from the first row's with the same seed."""
    reference = next(iter(found.values()))
    return {
        name: [
            one | {_difference(column): one[column] - base[column] for column in columns}
            for one, base in zip(results, reference, strict=True)
        ]
        for name, results in found.items()
    }


def _difference(column: str) -> str:
    return f"difference in {column}"
