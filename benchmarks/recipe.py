"""What the training recipe is worth: against the original script, by ablation, on new products.

python -m benchmarks.recipe against      the original recipe and ours, recall in both directions
python -m benchmarks.recipe ablation     one option changed at a time, from random weights
python -m benchmarks.recipe tuning       the same on a model that knows other products
python -m benchmarks.recipe masking      same_products, where many titles are equal
python -m benchmarks.recipe unseen       combinations of colour and kind that were never trained on
python -m benchmarks.recipe forgetting   recall of old products after fine-tuning on new ones
python -m benchmarks.recipe optimizer    AdamW and Muon, on the demo and on real pictures
python -m benchmarks.recipe precision    float32 and bfloat16, on the demo and on real pictures
python -m benchmarks.recipe fields       fields left out of the text while training
python -m benchmarks.recipe images       the first image of a listing, or all of them
python -m benchmarks.recipe queries      queries with clicks, on queries that were never seen
python -m benchmarks.recipe query_options  one option of queries changed at a time
python -m benchmarks.recipe hard_negatives  batches with listings that the model confuses
python -m benchmarks.recipe compact      vectors cut to their first numbers (Matryoshka)

Each prints a Markdown table of mean ± standard deviation over the seeds. The data is a demo
catalogue of another size, the architecture is tiny, and all metrics are of products held out from
training. A seed changes initial weights, split and order.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import tyro

from benchmarks.ablation import ablation, knowing_half, masking, old_and_new, tuning
from benchmarks.compact import compact
from benchmarks.demo_table import processed_demo
from benchmarks.hard_negatives import hard_negatives
from benchmarks.listing_ablation import field_dropout, several_images
from benchmarks.query_recipe import queries, query_options
from benchmarks.settings import optimizers, precisions
from benchmarks.trial import (
    FROM_SCRATCH,
    VISIBLE,
    Metrics,
    base_model,
    by_combination,
    markdown,
    original,
    ours,
    recall,
    trained,
    untrained,
)
from vitrina.config.training import TrainConfig
from vitrina.evaluation.metrics import chance_recall


def against(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Random weights, the original recipe at its own learning rate and at ours, and our recipe.

    One variant halves the original's rate after each epoch, as may have been intended.
    """
    lr = FROM_SCRATCH["lr"]
    variants: dict[str, Callable[[int], Metrics]] = {
        "untrained": lambda seed: untrained(table, folder, seed),
        "original, lr 1e-6": lambda seed: original(table, folder, seed, 1e-6, "batch"),
        "original, our lr": lambda seed: original(table, folder, seed, lr, "batch"),
        "original, our lr, halved each epoch": lambda seed: original(
            table, folder, seed, lr, "epoch"
        ),
        "ours": lambda seed: ours(table, folder, seed),
    }
    found = {name: [variant(seed) for seed in seeds] for name, variant in variants.items()}
    columns = [
        f"{direction}_recall_at_{depth}"
        for direction in ("text_to_image", "image_to_text")
        for depth in (1, 5, 10)
    ]
    rates = {name: mean(one["mean_recall_at_1"] for one in found[name]) for name in found}
    times = [
        f"Ours has {rates['ours'] / rates[name]:.1f} times the recall@1 of: {name}."
        for name in variants
        if name.startswith("original")
    ]
    return "\n".join([markdown(found, columns), "", *times])


def unseen(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Held-out combinations of colour and kind: each word was trained on, the pair never was.

    ``upper bound`` is the recall@1 of an observer who never mistakes kind, colour or pattern and
    guesses among the listings that look the same.
    """
    longer = {"num_epochs": 40, "augment": "light"}
    longest = {"num_epochs": 80, "augment": "light", "batch_size": 32}
    variants: dict[str, Mapping[str, Any]] = {
        "ours": {},
        "ours, 40 epochs, augment: light": longer,
        "ours, 80 epochs in batches of 32, augment: light": longest,
    }
    found: dict[str, list[Metrics]] = {}
    for seed in seeds:
        split = by_combination(table, seed)
        base, test = base_model(table, folder, seed), table[split == "test"]
        models = {"untrained": base}
        for name, changes in variants.items():
            config = TrainConfig(**{**FROM_SCRATCH, **changes, "seed": seed})
            models[name] = trained(table, split, base, config)
        for name, model in models.items():
            for relevant, label in ((VISIBLE, "same look"), (("title",), "same title")):
                metrics = recall(model, test, relevant)
                row = {f"recall@{k}": metrics[f"mean_recall_at_{k}"] for k in (1, 5, 10)}
                bounds = {
                    "chance": chance(test, relevant),
                    "upper bound": upper_bound(test, relevant),
                }
                rows = {"rows": len(test), **row, **bounds}
                found.setdefault(f"{name}; relevant: {label}", []).append(rows)
    return markdown(found, ["rows", "recall@1", "recall@5", "recall@10", "chance", "upper bound"])


def chance(rows: pd.DataFrame, relevant: Sequence[str]) -> float:
    """Recall at 1 of guessing."""
    labels = rows.groupby(list(relevant)).ngroup().to_numpy()
    return chance_recall(len(rows), labels)["chance_recall_at_1"]


def upper_bound(rows: pd.DataFrame, relevant: Sequence[str]) -> float:
    """Recall at 1 of guessing among the rows that look the same."""
    alike = rows.groupby(list(VISIBLE)).transform("size")
    correct = rows.groupby([*relevant, *VISIBLE]).transform("size")
    return float(np.mean(correct.to_numpy() / alike.to_numpy()))


def forgetting(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Fine-tune a model that knows half of the kinds on the other half; measured on both."""
    strong = {"num_epochs": 5, "batch_size": 64, "lr": 1e-4}
    settings: dict[str, Mapping[str, Any]] = {
        "fine-tuned, the defaults (lr 1e-6, 2 epochs)": {},
        "fine-tuned, lr 1e-4, 5 epochs": strong,
        "fine-tuned, lr 1e-3, 5 epochs": {**strong, "lr": 1e-3},
        "the same, with wise_ft_points 10": {**strong, "lr": 1e-3, "wise_ft_points": 10},
    }
    found: dict[str, list[Metrics]] = {"before": [], **{name: [] for name in settings}}
    for seed in seeds:
        known, new, base = knowing_half(table, folder, seed)
        before = old_and_new(base, known, new)
        found["before"].append({**before, "old @1 kept": 1.0})
        for name, changes in settings.items():
            model = trained(*new, base, TrainConfig(**{**changes, "seed": seed}))
            after = old_and_new(model, known, new)
            found[name].append({**after, "old @1 kept": after["old @1"] / before["old @1"]})
    return markdown(found, ["old @1", "new @1", "old @1 kept"])


COMPARISONS = {
    "against": against,
    "ablation": ablation,
    "tuning": tuning,
    "masking": masking,
    "unseen": unseen,
    "forgetting": forgetting,
    "optimizer": optimizers,
    "precision": precisions,
    "hard_negatives": hard_negatives,
    "compact": compact,
    "fields": field_dropout,
    "images": several_images,
    "queries": queries,
    "query_options": query_options,
}


What = Literal[
    "against",
    "ablation",
    "tuning",
    "masking",
    "unseen",
    "forgetting",
    "optimizer",
    "precision",
    "hard_negatives",
    "compact",
    "fields",
    "images",
    "queries",
    "query_options",
]


def main(
    what: tyro.conf.Positional[What],
    products: int = 1_200,
    seeds: int = 3,
) -> None:
    """Draw the catalogue, train, and print the table of one comparison."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        table = processed_demo(Path(scratch) / "demo", products)
        print(f"{what}: {len(table)} rows, {seeds} seeds, torch {torch.__version__}\n", flush=True)
        print(COMPARISONS[what](table, Path(scratch), range(seeds)))


if __name__ == "__main__":
    tyro.cli(main)
