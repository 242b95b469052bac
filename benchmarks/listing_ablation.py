"""What a model sees of a listing: fields left out of its text, and one image or all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.demo_table import EVERY_IMAGE, processed_demo
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
IMAGES = {
    "the first": ListingConfig(several_images="first"),
    "all": ListingConfig(several_images="mean"),
}


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
    return _table(found, list(next(iter(found.values()))[0]))


def with_fields(rows: pd.DataFrame, share: float) -> pd.DataFrame:
    """The rows with each value of the fields kept with this probability, else missing."""
    random = np.random.default_rng(0)
    kept = {name: rows[name].where(random.random(len(rows)) < share, "") for name in FIELDS}
    return rows.assign(**kept)


def several_images(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Train and rank with the first image of a listing or with all; also those with two alone.

    Listings that look the same are relevant to each other. Split and ranked rows are the same.
    """
    table = processed_demo(folder / "several", len(table), image_pattern=EVERY_IMAGE)
    has_two = table[IMAGE_PATHS].map(len) > 1
    print(f"    {has_two.mean():.0%} of {len(table)} listings have two images", flush=True)
    found: dict[str, list[Metrics]] = {}
    for seed in seeds:
        split, base = split_of(table, seed), base_model(table, folder, seed)
        is_test = split == "test"
        for trained_on, listing in IMAGES.items():
            config = TrainConfig(**FROM_SCRATCH, seed=seed)
            model = trained(table, split, base, config, listing)
            for ranked_by, of in IMAGES.items():
                every, two = (
                    recall(model, table[rows], VISIBLE, of) for rows in (is_test, is_test & has_two)
                )
                metrics = {
                    "recall@1": every["mean_recall_at_1"],
                    "recall@10": every["mean_recall_at_10"],
                    "MRR": every["mean_mrr"],
                    "MRR of those with two": two["mean_mrr"],
                }
                name = f"trained on {trained_on}, ranked by {ranked_by}"
                found.setdefault(name, []).append(metrics)
                print(f"    seed {seed}, {name}: {metrics}", flush=True)
    return _table(found, ["MRR", "MRR of those with two"])


def _table(found: Mapping[str, list[Metrics]], compared: Sequence[str]) -> str:
    """With the differences of some columns from the first row's with the same seed."""
    reference = next(iter(found.values()))
    for results in found.values():
        for one, base in zip(results, list(reference), strict=True):
            one |= {f"difference in {column}": one[column] - base[column] for column in compared}
    return markdown(found, list(reference[0]))
