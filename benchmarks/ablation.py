"""Each ingredient of the recipe changed alone: what it is worth from random weights and in tuning.

The options that treat what a model knows already (a slow lower tower, averages, mixes, a frozen
tower) say nothing of weights that start at random, so they are measured where they are meant: on a
model that knows half of the kinds of goods and is tuned on the other half.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.trial import (
    FROM_NOTHING,
    VISIBLE,
    Figures,
    base_model,
    markdown,
    ours,
    recall,
    sides,
    trained,
)
from vitrina.config import TrainConfig
from vitrina.model.model import RuCLIP
from vitrina.training import learner, optimizer
from vitrina.training import loop as training

DEFAULT = "the default recipe"
# Name, what differs from the default recipe, and what no option turns off.
Ways = Mapping[str, tuple[Mapping[str, Any], str]]

# What chance alone makes of the same recipe; a seed of its own changes order and nothing else.
ANOTHER_ORDER = "the same in another order"
MASKING: Ways = {
    "mask (the default)": ({}, ""),
    ANOTHER_ORDER: ({"seed": 100}, ""),
    "negatives": ({"same_products": "negatives"}, ""),
    "spread": ({"same_products": "spread"}, ""),
}
FROM_RANDOM: Ways = {
    DEFAULT: ({}, ""),
    ANOTHER_ORDER: ({"seed": 100}, ""),
    "fit: pad": ({"resize_mode": "longest"}, ""),
    "fit: squash": ({"resize_mode": "squash"}, ""),
    "same products as negatives": ({"same_products": "negatives"}, ""),
    "same products masked and apart": ({"same_products": "spread"}, ""),
    "no warm-up": ({"warmup": 0}, ""),
    "constant rate after the warm-up": ({}, "constant rate"),
    "no gradient clipping": ({"max_grad_norm": 0}, ""),
    "no weight decay": ({"weight_decay": 0}, ""),
    "augment: light": ({"augment": "light"}, ""),
    "text_source: both": ({"text_source": "both"}, ""),
    "batch 256 in chunks of 64 (GradCache)": ({"batch_size": 256, "chunk_size": 64}, ""),
    "the last epoch, not the best": ({}, "last epoch"),
    "ema_decay 0.95": ({"ema_decay": 0.95}, ""),
    "weight decay on every parameter": ({}, "decay everything"),
}
TUNING: Ways = {
    DEFAULT: ({}, ""),
    "no warm-up": ({"warmup": 0}, ""),
    "no weight decay": ({"weight_decay": 0}, ""),
    "no gradient clipping": ({"max_grad_norm": 0}, ""),
    "fit: pad": ({"resize_mode": "longest"}, ""),
    "augment: light": ({"augment": "light"}, ""),
    "text_source: both": ({"text_source": "both"}, ""),
    "layer_decay 0.8": ({"layer_decay": 0.8}, ""),
    "layer_decay 0.5": ({"layer_decay": 0.5}, ""),
    "ema_decay 0.95": ({"ema_decay": 0.95}, ""),
    "wise_ft_points 10 (WiSE-FT)": ({"wise_ft_points": 10}, ""),
    "freeze: image": ({"freeze": "image"}, ""),
    "freeze: text": ({"freeze": "text"}, ""),
    "batch 16": ({"batch_size": 16}, ""),
}
TUNED: Mapping[str, Any] = {"num_epochs": 5, "batch_size": 64, "lr": 3e-4, "patience": 0}


def ablation(table: pd.DataFrame, folder: Path, seeds: range, ways: Ways = FROM_RANDOM) -> str:
    """From random weights, with the difference to the default recipe by seed."""
    found: dict[str, list[Figures]] = {}
    for name, (changes, patch) in ways.items():
        with PATCHES[patch]():
            found[name] = [ours(table, folder, seed, **changes) for seed in seeds]
        _say(name, found[name], "mean_mrr")
    _differences(found, "mean_mrr", "difference in MRR")
    return markdown(
        found, ["mean_recall_at_1", "mean_recall_at_5", "mean_mrr", "difference in MRR"]
    )


def tuning(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Tuning a model that knows half of the kinds on the other half, measured on both."""
    found: dict[str, list[Figures]] = {"before": []}
    for seed in seeds:
        known, new, base = knowing_half(table, folder, seed)
        found["before"].append(old_and_new(base, known, new))
        for name, (changes, patch) in TUNING.items():
            config = TrainConfig(**{**TUNED, **changes, "seed": seed})
            with PATCHES[patch]():
                model = trained(*new, base, config)
            found.setdefault(name, []).append(old_and_new(model, known, new))
    columns = [f"{products} {figure}" for products in ("new", "old") for figure in ("@1", "MRR")]
    for products in ("new", "old"):
        difference = f"difference in {products} MRR"
        _differences(found, f"{products} MRR", difference)
        columns.append(difference)
    return markdown(found, columns)


def masking(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """A catalogue whose titles say kind and colour alone, so that many are equal."""
    plain = table["kind"] + " " + table["colour"]
    batch = plain.sample(FROM_NOTHING["batch_size"], random_state=0)
    print(f"    of {len(batch)} titles in a batch {batch.nunique()} are different", flush=True)
    return ablation(table.assign(title=plain), folder, seeds, MASKING)


Part = tuple[pd.DataFrame, Any]  # rows, and the side of each


def knowing_half(table: pd.DataFrame, folder: Path, seed: int) -> tuple[Part, Part, RuCLIP]:
    """Rows of the kinds that are known, those of the others, and a model trained on the first."""
    side = sides(table, seed)
    old = pd.factorize(table["kind"])[0] % 2 == 0
    known, new = (table[old], side[old]), (table[~old], side[~old])
    config = TrainConfig(**FROM_NOTHING, seed=seed)
    return known, new, trained(*known, base_model(table, folder, seed), config)


def old_and_new(model: RuCLIP, old: Part, new: Part) -> Figures:
    """``{old,new} {@1,MRR}`` of the test rows of each part; whatever looks the same is right."""
    found: Figures = {}
    for products, (rows, side) in (("old", old), ("new", new)):
        figures = recall(model, rows[side == "test"], VISIBLE)
        found[f"{products} @1"] = figures["mean_recall_at_1"]
        found[f"{products} MRR"] = figures["mean_mrr"]
    return found


def _differences(found: Mapping[str, list[Figures]], figure: str, name: str) -> None:
    """Add to each result its difference to the reference of the same seed."""
    reference = found.get(DEFAULT) or next(iter(found.values()))
    for results in found.values():
        for result, default in zip(results, reference, strict=True):
            result[name] = result[figure] - default[figure]


def _say(name: str, results: list[Figures], figure: str) -> None:
    print(f"    {name}: " + " ".join(f"{one[figure]:.3f}" for one in results), flush=True)


@contextmanager
def _unpatched() -> Iterator[None]:
    yield


@contextmanager
def _patched(owner: object, **values: object) -> Iterator[None]:
    kept = {name: getattr(owner, name) for name in values}
    for name, value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(owner, name, value)


def _constant_rate(step: int, steps: int, warmup: float, peak: float) -> float:
    return peak * min(1.0, (step + 1) / max(1, round(warmup * steps)))


PATCHES: Mapping[str, Callable[[], Any]] = {
    "": _unpatched,
    "constant rate": partial(_patched, learner, learning_rate=_constant_rate),
    "decay everything": partial(_patched, optimizer, decays=lambda _name, _parameter: True),
    "last epoch": partial(_patched, training, better=lambda _one, _other: True),
}
