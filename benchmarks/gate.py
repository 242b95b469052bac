"""Which figure tells two models apart with the least held-out data.

python -m benchmarks.gate simulated    vectors of titles and images with noise
python -m benchmarks.gate trained      epochs of trainings on the demo, against earlier ones

Both print Markdown. Power is how often a better model is told from its predecessor, at a threshold
that equal models exceed in 5% of the cases, whatever the figure: so it compares figures only. The
products needed are for 80% power at the gate's 95% interval.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro
from scipy.special import logsumexp  # type: ignore[import-untyped]  # ships no types

from benchmarks.demo_table import processed_demo
from benchmarks.trial import FROM_SCRATCH, base_model, features, split_of
from vitrina.config.training import TrainConfig
from vitrina.model.model import load_folder
from vitrina.store.paths import to_path
from vitrina.training.checkpoints import RunFolder, checkpoint_name
from vitrina.training.data.pairs import pairs_from
from vitrina.training.fine_tune import fine_tune
from vitrina.training.loop import TrainingRun

Figures = dict[str, np.ndarray]  # by name, float64 (rows,): the mean of both directions
Vectors = tuple[np.ndarray, np.ndarray]  # of texts and images, (rows, dim) of unit length

OF_RANK: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "recall@1": lambda rank: (rank <= 1).astype(float),
    "recall@10": lambda rank: (rank <= 10).astype(float),
    "MRR": lambda rank: 1 / rank,
    "nDCG@10": lambda rank: np.where(rank <= 10, 1 / np.log2(1 + rank), 0),
    "nDCG, whole gallery": lambda rank: 1 / np.log2(1 + rank),
    "mean rank": lambda rank: -rank.astype(float),
    "geometric mean rank": lambda rank: -np.log(rank),
}
LOSS = "loss, whole gallery"
SCALES = (3, 5, 10, 20, 40, 80)  # of the cosines; the loss is that of the best one
QUANTILES = 1.96 + 0.84  # of a 95% interval and of 80% power
# Products, noise of the first and factor of the noise of the better model, and how much of a
# model's noise the two share: from a model that finds next to nothing to one that finds nearly all.
SETTINGS = ((600, 6.0, 0.9, 0.5), (300, 3.0, 0.9, 0.5), (300, 1.5, 0.9, 0.7), (300, 0.8, 0.9, 0.9))
DIM = 32


def figures(text: np.ndarray, image: np.ndarray, group: np.ndarray) -> Figures:
    """Every figure of each row, higher is better; ranks are of the first item of its group."""
    cosine, same = text @ image.T, group[:, None] == group[None, :]
    found: Figures = {}
    ranks = [_ranks(cosine, same), _ranks(cosine.T, same)]
    for name, figure in OF_RANK.items():
        found[name] = (figure(ranks[0]) + figure(ranks[1])) / 2
    return {**found, LOSS: -_loss(cosine, same)}


def _ranks(cosine: np.ndarray, same: np.ndarray) -> np.ndarray:
    best = np.where(same, cosine, -np.inf).max(axis=1, keepdims=True)
    ranks: np.ndarray = 1 + np.sum((cosine > best) & ~same, axis=1)
    return ranks


def _loss(cosine: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Cross-entropy over all items in both directions, at the scale that is best for the model."""
    own = np.diag(cosine)
    others = same & ~np.eye(len(own), dtype=bool)
    losses = []
    for scale in SCALES:
        logits = np.where(others, -np.inf, scale * cosine)
        sums = logsumexp(logits, axis=1) + logsumexp(logits, axis=0)
        losses.append(sums / 2 - scale * own)
    return min(losses, key=np.mean)


def standing(better: np.ndarray, worse: np.ndarray, group: np.ndarray) -> float:
    """A mean gain in standard errors over groups."""
    _, of_row = np.unique(group, return_inverse=True)
    gain, size = np.bincount(of_row, better - worse), np.bincount(of_row)
    mean = gain.sum() / size.sum()
    error = np.sqrt(np.sum((gain - mean * size) ** 2)) / size.sum()
    return float(mean / error) if error else 0.0


def two_models(
    products: int, noise: Sequence[float], shared: float, random: np.random.Generator
) -> list[Vectors]:
    """Vectors by two models: a product's own, and noise that is partly the same for both models."""

    def normal(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    product, hardness = normal(products, DIM), np.exp(0.6 * normal(products, 1))
    common = normal(products, DIM), normal(products, DIM)

    def vectors(of_both: np.ndarray, level: float) -> np.ndarray:
        own = np.sqrt(shared) * of_both + np.sqrt(1 - shared) * normal(products, DIM)
        noisy = product + level * hardness * own
        unit: np.ndarray = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
        return unit

    return [(vectors(common[0], level), vectors(common[1], level)) for level in noise]


def simulated(repeats: int, seed: int) -> str:
    """Power and needed products of each figure in each setting, from that many pairs of models."""
    lines = [
        "| recall@1 | figure | power | products needed | of the fewest |",
        "|---|---|---|---|---|",
    ]
    for products, level, factor, shared in SETTINGS:
        random, group = np.random.default_rng(seed), np.arange(products)
        equal: dict[str, list[float]] = {}
        better: dict[str, list[float]] = {}
        recalls = []
        for _ in range(repeats):
            for found, noise in ((equal, (level, level)), (better, (level, level * factor))):
                one, other = (
                    figures(*vectors, group)
                    for vectors in two_models(products, noise, shared, random)
                )
                for name, values in one.items():
                    found.setdefault(name, []).append(standing(other[name], values, group))
            recalls.append((one["recall@1"].mean(), other["recall@1"].mean()))
        before, after = np.mean(recalls, axis=0)
        needed = {name: products * (QUANTILES / np.mean(better[name])) ** 2 for name in better}
        fewest = min(needed.values())
        for name, number in needed.items():
            power = np.mean(np.array(better[name]) > np.quantile(equal[name], 0.95))
            lines.append(
                f"| {before:.3f} → {after:.3f} | {name} | {power:.0%} | {number:,.0f} "
                f"| × {number / fewest:.2f} |"
            )
    return "\n".join(lines)


def trained(products: int, epochs: int, seeds: int) -> str:
    """How surely each epoch is told from earlier ones, by figure, in standard errors.

    Half as many standard errors need four times the products.
    """
    gaps = (1, 2, 4)
    found: dict[str, dict[int, list[float]]] = {}
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        for by_epoch, group in _trainings(Path(scratch), products, epochs, range(seeds)):
            for gap in gaps:
                for earlier, later in zip(by_epoch, by_epoch[gap:], strict=False):
                    for name in earlier:
                        value = standing(later[name], earlier[name], group)
                        found.setdefault(name, {}).setdefault(gap, []).append(value)
    header = [f"{gap} epoch{'s' * (gap > 1)} apart" for gap in gaps]
    lines = ["| figure | " + " | ".join(header) + " | data for the same |", "|---" * 5 + "|"]
    means = {name: [float(np.mean(found[name][gap])) for gap in gaps] for name in found}
    most = max(one[0] for one in means.values())
    for name, values in means.items():
        cells = " | ".join(f"{value:.2f}" for value in values)
        lines.append(f"| {name} | {cells} | × {(most / values[0]) ** 2:.1f} |")
    return "\n".join(lines)


def _trainings(
    folder: Path, products: int, epochs: int, seeds: range
) -> Iterator[tuple[list[Figures], np.ndarray]]:
    """The figures on the test rows after each epoch of each seed's training, and the products."""
    table = processed_demo(folder / "demo", products)
    for seed in seeds:
        split, base = split_of(table, seed), base_model(table, folder, seed)
        config = TrainConfig(**{**FROM_SCRATCH, "num_epochs": epochs, "seed": seed})
        run = RunFolder(to_path(folder / f"run-{seed}"), "key", {"parameters": config.content()})
        parts = table[split == "train"], table[split == "validation"]
        fine_tune(*parts, base, config, TrainingRun(run))
        test = table[split == "test"]
        group, by_epoch = pairs_from(test).groups, []
        for epoch in range(1, epochs + 1):
            model = load_folder(folder / f"run-{seed}" / "ruclip")
            model.clip.load_state_dict(run.load(checkpoint_name(epoch))["model_state_dict"])
            image, text = features(model, test)
            by_epoch.append(figures(text, image, group))
        print(
            f"seed {seed}: {len(test)} listings, recall@1 by epoch "
            + " ".join(f"{one['recall@1'].mean():.2f}" for one in by_epoch),
            flush=True,
        )
        yield by_epoch, group


def main(
    what: tyro.conf.Positional[Literal["simulated", "trained"]],
    repeats: int = 40,
    products: int = 1_600,
    epochs: int = 14,
    seeds: int = 2,
) -> None:
    """Print the table of one way to compare the figures."""
    print(f"{what}: torch {torch.__version__}, numpy {np.__version__}\n", flush=True)
    print(simulated(repeats, 0) if what == "simulated" else trained(products, epochs, seeds))


if __name__ == "__main__":
    tyro.cli(main)
