"""What the training recipe is worth: against the seed's, ingredient by ingredient, on new products.

python -m benchmarks.recipe against      the seed's recipe and ours, recall both ways
python -m benchmarks.recipe ablation     each ingredient on its own
python -m benchmarks.recipe unseen       combinations of colour and kind that were never trained on
python -m benchmarks.recipe forgetting   recall of old products after fine-tuning on new ones

Each prints a Markdown table: the mean over the seeds ± their standard deviation. The data is the
demo's catalogue in another size, the architecture the tiny one; every figure is of products held
out from the training. A seed changes the initial weights, the split, and the order.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import tyro

from benchmarks.demo_table import processed_demo
from benchmarks.seed_recipe import train_as_the_seed
from tasks.config import TrainConfig
from tasks.learning import learner, optimizer
from tasks.learning.distributed import World
from tasks.learning.fit import fit
from tasks.learning.metrics import chance_recall
from tasks.learning.model import RuCLIP, load_folder
from tasks.learning.pairs import pairs_from
from tasks.learning.pixels import pixels_of
from tasks.learning.split import split_rows
from tasks.learning.state import Place
from tasks.learning.tiny import make_tiny
from tasks.learning.towers import Towers
from tasks.learning.training import Run
from tasks.learning.validation import Validation
from tasks.storage import location

Side = np.ndarray
Figures = dict[str, float]
CPU = torch.device("cpu")
# Weights that start at random need a rate and epochs of their own; the rest is the default recipe.
FROM_NOTHING = {"num_epochs": 20, "batch_size": 64, "lr": 1e-3}
VISIBLE = ("kind", "colour", "pattern")
HELD_OUT = {"validation_fraction": 0.1, "test_fraction": 0.2}

# Name, what differs from the default recipe, and what no option turns off.
ABLATION: dict[str, tuple[dict[str, Any], str]] = {
    "the default recipe": ({}, ""),
    "no warm-up": ({"warmup": 0}, ""),
    "constant rate after the warm-up": ({}, "constant rate"),
    "no weight decay": ({"weight_decay": 0}, ""),
    "weight decay on every parameter": ({}, "decay everything"),
    "no gradient clipping": ({"max_grad_norm": 0}, ""),
    "same products as negatives": ({"same_products": "negatives"}, ""),
    "same products masked and apart": ({"same_products": "apart"}, ""),
    "fit: pad": ({"fit": "pad"}, ""),
    "fit: squash": ({"fit": "squash"}, ""),
    "augment: light": ({"augment": "light"}, ""),
    "text_source: description": ({"text_source": "description"}, ""),
    "text_source: both": ({"text_source": "both"}, ""),
    "layer_decay 0.8": ({"layer_decay": 0.8}, ""),
    "ema_decay 0.95": ({"ema_decay": 0.95}, ""),
    "interpolations 10 (WiSE-FT)": ({"interpolations": 10}, ""),
    "freeze: image": ({"freeze": "image"}, ""),
    "freeze: text": ({"freeze": "text"}, ""),
    "batch 16": ({"batch_size": 16}, ""),
    "batch 256 in chunks of 64 (GradCache)": ({"batch_size": 256, "chunk_size": 64}, ""),
}


def base_model(table: pd.DataFrame, folder: Path, seed: int) -> RuCLIP:
    """The tiny ruCLIP with random weights; its tokenizer knows the whole table's words."""
    make_tiny([*table["title"], *table["description"]], folder / f"tiny-{seed}", seed)
    return load_folder(folder / f"tiny-{seed}")


def trained(table: pd.DataFrame, side: Side, model: RuCLIP, config: TrainConfig) -> RuCLIP:
    """The model that a training with our recipe ends with."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        run = Run(Place(location(scratch), "key", {"parameters": config.content()}))
        fit(table[side == "train"], table[side == "validation"], model, config, run)
        found = load_folder(Path(scratch) / "ruclip")
        return RuCLIP(found.clip, model.tokenizer_path, found.config)


def recall(model: RuCLIP, rows: pd.DataFrame, right: Sequence[str] = ("title",)) -> Figures:
    """Retrieval figures of a model on some rows; rows equal in ``right`` are right for each other.

    A title names the size and the material too, which no picture shows.
    """
    pairs, config = pairs_from(rows), TrainConfig()
    validation = Validation(pairs, pixels_of(pairs, model, config.cache_gb), model, World())
    validation.titles = rows.groupby(list(right)).ngroup().to_numpy()
    return validation.run(Towers(model, config, CPU), CPU)


def ours(table: pd.DataFrame, folder: Path, seed: int, **changes: Any) -> Figures:
    """Held-out figures of our recipe on random weights."""
    config = TrainConfig(**{**FROM_NOTHING, **HELD_OUT, "seed": seed, **changes})
    side = split_rows(table, config.validation_fraction, config.test_fraction, seed)
    model = trained(table, side, base_model(table, folder, seed), config)
    return recall(model, table[side == "test"])


def seeds_recipe(table: pd.DataFrame, folder: Path, seed: int, lr: float) -> Figures:
    """Held-out figures of the seed's recipe on the same weights, rows, steps and batch."""
    side = split_rows(table, *HELD_OUT.values(), seed)
    epochs, batch_size = FROM_NOTHING["num_epochs"], FROM_NOTHING["batch_size"]
    model = train_as_the_seed(
        base_model(table, folder, seed),
        table[side == "train"],
        int(epochs),
        int(batch_size),
        lr,
        seed,
    )
    return recall(model, table[side == "test"])


def against(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Chance, the seed's recipe at its own rate and at ours, and our recipe."""
    ways: dict[str, Callable[[int], Figures]] = {
        "untrained": lambda seed: _untrained(table, folder, seed),
        "the seed's recipe, lr 1e-6": lambda seed: seeds_recipe(table, folder, seed, 1e-6),
        "the seed's recipe, our lr": lambda seed: seeds_recipe(
            table, folder, seed, float(FROM_NOTHING["lr"])
        ),
        "ours": lambda seed: ours(table, folder, seed),
    }
    found = {name: [way(seed) for seed in seeds] for name, way in ways.items()}
    columns = [
        f"{way}_recall_at_{depth}"
        for way in ("text_to_image", "image_to_text")
        for depth in (1, 5, 10)
    ]
    rate = mean(one["mean_recall_at_1"] for one in found["ours"])
    seed_rate = max(
        mean(one["mean_recall_at_1"] for one in found[name]) for name in list(ways)[1:3]
    )
    times = f"\nOurs has {rate / seed_rate:.1f} times the recall@1 of the better of the seed's."
    return markdown(found, columns) + "\n" + times


def _untrained(table: pd.DataFrame, folder: Path, seed: int) -> Figures:
    side = split_rows(table, *HELD_OUT.values(), seed)
    return recall(base_model(table, folder, seed), table[side == "test"])


def ablation(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Each ingredient changed alone, with the difference to the default recipe by seed."""
    found: dict[str, list[Figures]] = {}
    for name, (changes, patch) in ABLATION.items():
        with PATCHES[patch]():
            found[name] = [ours(table, folder, seed, **changes) for seed in seeds]
    default = found["the default recipe"]
    for results in found.values():
        for result, reference in zip(results, default, strict=True):
            result["difference in MRR"] = result["mean_mrr"] - reference["mean_mrr"]
    return markdown(
        found, ["mean_recall_at_1", "mean_recall_at_5", "mean_mrr", "difference in MRR"]
    )


@contextmanager
def _unpatched() -> Iterator[None]:
    yield


@contextmanager
def _patched(owner: object, name: str, value: object) -> Iterator[None]:
    kept = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def _constant_rate(step: int, steps: int, warmup: float, peak: float) -> float:
    return peak * min(1.0, (step + 1) / max(1, round(warmup * steps)))


PATCHES: dict[str, Callable[[], Any]] = {
    "": _unpatched,
    "constant rate": partial(_patched, learner, "learning_rate", _constant_rate),
    "decay everything": partial(_patched, optimizer, "decays", lambda _name, _parameter: True),
}


def unseen(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Held-out combinations of colour and kind: each word was trained on, the pair never."""
    found: dict[str, list[Figures]] = {}
    for seed in seeds:
        combination = table["colour"] + " " + table["kind"]
        names = np.sort(combination.unique())
        drawn = np.random.default_rng(seed).permutation(names)
        parts = np.split(drawn, [len(names) // 10, len(names) * 3 // 10])
        side = np.full(len(table), "train", dtype="<U10")
        for name, part in zip(("validation", "test"), parts, strict=False):
            side[combination.isin(part)] = name
        base = base_model(table, folder, seed)
        config = TrainConfig(**FROM_NOTHING, seed=seed)
        model = trained(table, side, base, config)
        test = table[side == "test"]
        for name, one in (("untrained", base), ("ours", model)):
            for right, words in ((("title",), "title"), (VISIBLE, "visible")):
                figures = recall(one, test, right)
                row = {f"recall@{k}": figures[f"mean_recall_at_{k}"] for k in (1, 5, 10)}
                found.setdefault(f"{name}, right by {words}", []).append(
                    {"rows": len(test), **row, "chance": chance(test, right)}
                )
    return markdown(found, ["rows", "recall@1", "recall@5", "recall@10", "chance"])


def chance(rows: pd.DataFrame, right: Sequence[str]) -> float:
    """Recall at 1 of guessing."""
    labels = rows.groupby(list(right)).ngroup().to_numpy()
    return chance_recall(len(rows), labels)["mean_recall_at_1"]


def forgetting(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """A model that knows half of the kinds, fine-tuned on the other half, measured on both."""
    gentle: Mapping[str, Any] = {}
    strong = {"num_epochs": 5, "batch_size": 64, "lr": 1e-4}
    settings: dict[str, Mapping[str, Any]] = {
        "fine-tuned, the defaults (lr 1e-6, 2 epochs)": gentle,
        "fine-tuned, lr 1e-4, 5 epochs": strong,
        "fine-tuned, lr 1e-3, 5 epochs": {**strong, "lr": 1e-3},
        "the same, with 10 interpolations": {**strong, "lr": 1e-3, "interpolations": 10},
    }
    found: dict[str, list[Figures]] = {"before": [], **{name: [] for name in settings}}
    for seed in seeds:
        side = split_rows(table, *HELD_OUT.values(), seed)
        old = (pd.factorize(table["kind"])[0] % 2 == 0).astype(bool)
        known, new = table[old], table[~old]
        pretrained = trained(
            known,
            side[old],
            base_model(table, folder, seed),
            TrainConfig(**FROM_NOTHING, seed=seed),
        )
        tests = known[side[old] == "test"], new[side[~old] == "test"]
        before = _old_and_new(pretrained, *tests)
        found["before"].append({**before, "old products kept": 1.0})
        for name, changes in settings.items():
            config = TrainConfig(**{**changes, "seed": seed})
            after = _old_and_new(trained(new, side[~old], pretrained, config), *tests)
            kept = after["old recall@1"] / before["old recall@1"]
            found[name].append({**after, "old products kept": kept})
    return markdown(found, ["old recall@1", "new recall@1", "old products kept"])


def _old_and_new(model: RuCLIP, old: pd.DataFrame, new: pd.DataFrame) -> Figures:
    return {
        f"{name} recall@1": recall(model, rows)["mean_recall_at_1"]
        for name, rows in (("old", old), ("new", new))
    }


def markdown(found: Mapping[str, list[Figures]], columns: list[str]) -> str:
    """A table: mean ± standard deviation over the seeds."""

    def cell(results: list[Figures], column: str) -> str:
        values = [one[column] for one in results]
        return f"{mean(values):.3f} ± {stdev(values) if len(values) > 1 else 0:.3f}"

    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, results in found.items():
        lines.append(f"| {name} | " + " | ".join(cell(results, one) for one in columns) + " |")
    return "\n".join(lines)


WHAT = {"against": against, "ablation": ablation, "unseen": unseen, "forgetting": forgetting}


def main(
    what: tyro.conf.Positional[Literal["against", "ablation", "unseen", "forgetting"]],
    products: int = 800,
    seeds: int = 3,
) -> None:
    """Draw the catalogue, train, and print the table."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        table = processed_demo(Path(scratch) / "demo", products)
        print(f"{what}: {len(table)} rows, {seeds} seeds, torch {torch.__version__}\n")
        print(WHAT[what](table, Path(scratch), range(seeds)))


if __name__ == "__main__":
    tyro.cli(main)
