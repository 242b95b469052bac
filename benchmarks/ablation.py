"""Ablations: one option changed at a time, from random weights and on a pretrained model.

Options that protect pretrained knowledge (layer_decay, ema_decay, wise_ft_points, freeze) cannot be
judged on random weights. They are measured on a model that knows half of the kinds of goods and is
fine-tuned on the other half.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.trial import (
    FROM_SCRATCH,
    VISIBLE,
    Metrics,
    base_model,
    markdown,
    ours,
    recall,
    split_of,
    trained,
)
from vitrina.config.training import TrainConfig
from vitrina.model.model import RuCLIP
from vitrina.training import learner, optimizer
from vitrina.training import loop as training

DEFAULT = "the default recipe"
# By name: options that differ from the default recipe, and a patch for what has no option.
Variants = Mapping[str, tuple[Mapping[str, Any], str]]

# The effect of chance alone: another seed that changes only the order.
ANOTHER_ORDER = "the same in another order"
MASKING: Variants = {
    "mask (the default)": ({}, ""),
    ANOTHER_ORDER: ({"seed": 100}, ""),
    "negatives": ({"same_products": "negatives"}, ""),
    "spread": ({"same_products": "spread"}, ""),
}
FROM_RANDOM: Variants = {
    DEFAULT: ({}, ""),
    ANOTHER_ORDER: ({"seed": 100}, ""),
    "resize_mode: longest": ({"resize_mode": "longest"}, ""),
    "resize_mode: squash": ({"resize_mode": "squash"}, ""),
    "same_products: negatives": ({"same_products": "negatives"}, ""),
    "same_products: spread": ({"same_products": "spread"}, ""),
    "no warm-up": ({"warmup": 0}, ""),
    "constant rate after the warm-up": ({}, "constant rate"),
    "no gradient clipping": ({"max_grad_norm": 0}, ""),
    "no weight decay": ({"weight_decay": 0}, ""),
    "augment: none": ({"augment": "none"}, ""),
    "optimizer: adamw": ({"optimizer": "adamw"}, ""),
    "optimizer: adamw, augment: none": ({"optimizer": "adamw", "augment": "none"}, ""),
    "text_source: both": ({"text_source": "both"}, ""),
    "batch 256 in chunks of 64 (GradCache)": ({"batch_size": 256, "chunk_size": 64}, ""),
    "the last epoch, not the best": ({}, "last epoch"),
    "ema_decay 0.95": ({"ema_decay": 0.95}, ""),
    "weight decay on every parameter": ({}, "decay everything"),
}
TUNING: Variants = {
    DEFAULT: ({}, ""),
    "no warm-up": ({"warmup": 0}, ""),
    "no weight decay": ({"weight_decay": 0}, ""),
    "no gradient clipping": ({"max_grad_norm": 0}, ""),
    "resize_mode: longest": ({"resize_mode": "longest"}, ""),
    "augment: light": ({"augment": "light"}, ""),
    "optimizer: muon": ({"optimizer": "muon"}, ""),
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


def ablation(
    table: pd.DataFrame, folder: Path, seeds: range, variants: Variants = FROM_RANDOM
) -> str:
    """Train from random weights; differences are from the default recipe of the same seed."""
    found: dict[str, list[Metrics]] = {}
    for name, (changes, patch) in variants.items():
        with PATCHES[patch]():
            found[name] = [ours(table, folder, seed, **changes) for seed in seeds]
        _print_metric(name, found[name], "mean_mrr")
    _differences(found, "mean_mrr", "difference in MRR")
    return markdown(
        found, ["mean_recall_at_1", "mean_recall_at_5", "mean_mrr", "difference in MRR"]
    )


def tuning(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Fine-tune a model that knows half of the kinds on the other half; measured on both."""
    found: dict[str, list[Metrics]] = {"before": []}
    for seed in seeds:
        known, new, base = knowing_half(table, folder, seed)
        found["before"].append(old_and_new(base, known, new))
        for name, (changes, patch) in TUNING.items():
            config = TrainConfig(**{**TUNED, **changes, "seed": seed})
            with PATCHES[patch]():
                model = trained(*new, base, config)
            found.setdefault(name, []).append(old_and_new(model, known, new))
    columns = [f"{products} {metric}" for products in ("new", "old") for metric in ("@1", "MRR")]
    for products in ("new", "old"):
        difference = f"difference in {products} MRR"
        _differences(found, f"{products} MRR", difference)
        columns.append(difference)
    return markdown(found, columns)


def masking(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Train on a catalogue whose titles are only kind and colour, so that many are equal."""
    short = table["kind"] + " " + table["colour"]
    batch = short.sample(FROM_SCRATCH["batch_size"], random_state=0)
    print(f"    {batch.nunique()} of the {len(batch)} titles in a batch are different", flush=True)
    return ablation(table.assign(title=short), folder, seeds, MASKING)


Part = tuple[pd.DataFrame, Any]  # rows, and the split of each


def knowing_half(table: pd.DataFrame, folder: Path, seed: int) -> tuple[Part, Part, RuCLIP]:
    """Rows of one half of the kinds, rows of the other, and a model trained on the first half."""
    split = split_of(table, seed)
    old = pd.factorize(table["kind"])[0] % 2 == 0
    known, new = (table[old], split[old]), (table[~old], split[~old])
    config = TrainConfig(**FROM_SCRATCH, seed=seed)
    return known, new, trained(*known, base_model(table, folder, seed), config)


def old_and_new(model: RuCLIP, old: Part, new: Part) -> Metrics:
    """``{old,new} {@1,MRR}`` of each part's test rows; listings that look the same are relevant."""
    found: Metrics = {}
    for products, (rows, split) in (("old", old), ("new", new)):
        metrics = recall(model, rows[split == "test"], VISIBLE)
        found[f"{products} @1"] = metrics["mean_recall_at_1"]
        found[f"{products} MRR"] = metrics["mean_mrr"]
    return found


def _differences(found: Mapping[str, list[Metrics]], metric: str, name: str) -> None:
    """Add to each result its difference from the default recipe with the same seed."""
    reference = found.get(DEFAULT) or next(iter(found.values()))
    for results in found.values():
        for result, default in zip(results, reference, strict=True):
            result[name] = result[metric] - default[metric]


def _print_metric(name: str, results: list[Metrics], metric: str) -> None:
    print(f"    {name}: " + " ".join(f"{one[metric]:.3f}" for one in results), flush=True)


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
    "last epoch": partial(_patched, training, better=lambda *_: True),
}
