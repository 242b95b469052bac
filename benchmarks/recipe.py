"""What the training recipe is worth: against the seed's, ingredient by ingredient, on new products.

python -m benchmarks.recipe against      the seed's recipe and ours, recall both ways
python -m benchmarks.recipe ablation     each ingredient on its own, from random weights
python -m benchmarks.recipe tuning       each option on a model that knows other products
python -m benchmarks.recipe masking      equal titles as negatives or not, where many are equal
python -m benchmarks.recipe unseen       combinations of colour and kind that were never trained on
python -m benchmarks.recipe forgetting   recall of old products after fine-tuning on new ones

Each prints a Markdown table: the mean over the seeds ± their standard deviation. The data is the
demo's catalogue in another size, the architecture the tiny one; every figure is of products held
out from the training. A seed changes the initial weights, the split, and the order.
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
from benchmarks.demo_table import processed_demo
from benchmarks.trial import (
    FROM_NOTHING,
    VISIBLE,
    Figures,
    base_model,
    markdown,
    ours,
    recall,
    seeds_recipe,
    trained,
    untrained,
)
from vitrina.config import TrainConfig
from vitrina.evaluation.metrics import chance_recall


def against(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Chance, the seed's recipe at its own rate and at ours, and our recipe.

    In one line the seed's rate is halved after each epoch, as it may have been meant.
    """
    lr = FROM_NOTHING["lr"]
    ways: dict[str, Callable[[int], Figures]] = {
        "untrained": lambda seed: untrained(table, folder, seed),
        "the seed's, lr 1e-6": lambda seed: seeds_recipe(table, folder, seed, 1e-6, "batch"),
        "the seed's, our lr": lambda seed: seeds_recipe(table, folder, seed, lr, "batch"),
        "the seed's, our lr, halved by epoch": lambda seed: seeds_recipe(
            table, folder, seed, lr, "epoch"
        ),
        "ours": lambda seed: ours(table, folder, seed),
    }
    found = {name: [way(seed) for seed in seeds] for name, way in ways.items()}
    columns = [
        f"{way}_recall_at_{depth}"
        for way in ("text_to_image", "image_to_text")
        for depth in (1, 5, 10)
    ]
    rates = {name: mean(one["mean_recall_at_1"] for one in found[name]) for name in found}
    times = [
        f"Ours has {rates['ours'] / rates[name]:.1f} times the recall@1 of {name}."
        for name in ways
        if name.startswith("the seed's")
    ]
    return "\n".join([markdown(found, columns), "", *times])


def unseen(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Held-out combinations of colour and kind: each word was trained on, the pair never.

    ``perfect eye`` is the recall@1 of someone who sees kind, colour and pattern without a mistake
    and guesses among the listings that look the same.
    """
    longer = {"num_epochs": 40, "augment": "light"}
    longest = {"num_epochs": 80, "augment": "light", "batch_size": 32}
    ways: dict[str, Mapping[str, Any]] = {
        "ours": {},
        "ours, 40 epochs, augment: light": longer,
        "ours, 80 epochs in batches of 32, augment: light": longest,
    }
    found: dict[str, list[Figures]] = {}
    for seed in seeds:
        side = by_combination(table, seed)
        base, test = base_model(table, folder, seed), table[side == "test"]
        models = {"untrained": base}
        for name, changes in ways.items():
            config = TrainConfig(**{**FROM_NOTHING, **changes, "seed": seed})
            models[name] = trained(table, side, base, config)
        for name, model in models.items():
            for right, words in ((VISIBLE, "what looks the same"), (("title",), "title alone")):
                figures = recall(model, test, right)
                row = {f"recall@{k}": figures[f"mean_recall_at_{k}"] for k in (1, 5, 10)}
                bounds = {"chance": chance(test, right), "perfect eye": perfect_eye(test, right)}
                rows = {"rows": len(test), **row, **bounds}
                found.setdefault(f"{name}; right: {words}", []).append(rows)
    return markdown(found, ["rows", "recall@1", "recall@5", "recall@10", "chance", "perfect eye"])


def by_combination(table: pd.DataFrame, seed: int) -> np.ndarray:
    """'train', 'validation' (a tenth) or 'test' (a fifth) for each row, by colour and kind."""
    combination = table["colour"] + " " + table["kind"]
    names = np.sort(combination.unique())
    drawn = np.random.default_rng(seed).permutation(names)
    validation, test, _ = np.split(drawn, [len(names) // 10, len(names) * 3 // 10])
    side = np.full(len(table), "train", dtype="<U10")
    side[combination.isin(validation)] = "validation"
    side[combination.isin(test)] = "test"
    return side


def chance(rows: pd.DataFrame, right: Sequence[str]) -> float:
    """Recall at 1 of guessing."""
    labels = rows.groupby(list(right)).ngroup().to_numpy()
    return chance_recall(len(rows), labels)["chance_recall_at_1"]


def perfect_eye(rows: pd.DataFrame, right: Sequence[str]) -> float:
    """Recall at 1 of guessing among the rows that look the same."""
    alike = rows.groupby(list(VISIBLE)).transform("size")
    correct = rows.groupby([*right, *VISIBLE]).transform("size")
    return float(np.mean(correct.to_numpy() / alike.to_numpy()))


def forgetting(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """A model that knows half of the kinds, fine-tuned on the other half, measured on both."""
    strong = {"num_epochs": 5, "batch_size": 64, "lr": 1e-4}
    settings: dict[str, Mapping[str, Any]] = {
        "fine-tuned, the defaults (lr 1e-6, 2 epochs)": {},
        "fine-tuned, lr 1e-4, 5 epochs": strong,
        "fine-tuned, lr 1e-3, 5 epochs": {**strong, "lr": 1e-3},
        "the same, with 10 wise_ft_points": {**strong, "lr": 1e-3, "wise_ft_points": 10},
    }
    found: dict[str, list[Figures]] = {"before": [], **{name: [] for name in settings}}
    for seed in seeds:
        known, new, base = knowing_half(table, folder, seed)
        before = old_and_new(base, known, new)
        found["before"].append({**before, "old @1 kept": 1.0})
        for name, changes in settings.items():
            model = trained(*new, base, TrainConfig(**{**changes, "seed": seed}))
            after = old_and_new(model, known, new)
            found[name].append({**after, "old @1 kept": after["old @1"] / before["old @1"]})
    return markdown(found, ["old @1", "new @1", "old @1 kept"])


WHAT = {
    "against": against,
    "ablation": ablation,
    "tuning": tuning,
    "masking": masking,
    "unseen": unseen,
    "forgetting": forgetting,
}


def main(
    what: tyro.conf.Positional[
        Literal["against", "ablation", "tuning", "masking", "unseen", "forgetting"]
    ],
    products: int = 1_200,
    seeds: int = 3,
) -> None:
    """Draw the catalogue, train, and print the table."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        table = processed_demo(Path(scratch) / "demo", products)
        print(f"{what}: {len(table)} rows, {seeds} seeds, torch {torch.__version__}\n", flush=True)
        print(WHAT[what](table, Path(scratch), range(seeds)))


if __name__ == "__main__":
    tyro.cli(main)
