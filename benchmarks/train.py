"""Training against the baseline loop: pairs per second, all layers, the same loss.

python -m benchmarks.train                    a few minutes on two cores
python -m benchmarks.train --rows 64 --batch_size 32 --repeats 5

The workload is ruclip-vit-base-patch32-384 with random weights, titles of realistic length and
JPEGs of 900 × 1,200. The variants take turns, so that other work on the machine slows down both.
Each trains for three epochs, of which the first and the last are compared. Our first one decodes
the JPEGs, later ones read the pixel cache. Ours trains in float32 with AdamW as the baseline; in
bfloat16, which has a goal where the processor computes it faster; and as a model that was never
trained is by default, with Muon and augmentation, whose steps cost more and teach more: see
python -m benchmarks.recipe optimizer.
"""

import copy
import os
import tempfile
import time
from pathlib import Path

import pandas as pd
import torch
import tyro

from benchmarks import baseline, workload
from benchmarks.limits import synchronize
from benchmarks.results import Figure, Findings, bars, ratios, write_findings
from vitrina.config.training import TrainConfig
from vitrina.model import processor
from vitrina.model.device import choose
from vitrina.model.model import RuCLIP
from vitrina.training.data.batches import BatchDataset, loader, worker_count
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.distributed import World
from vitrina.training.kept_memory import kept_memory
from vitrina.training.learner import Learner

EPOCHS = 3


def original(
    model: RuCLIP, table: pd.DataFrame, batch_size: int, device: str = "cpu", epochs: int = 1
) -> list[float]:
    """Seconds of each epoch of the baseline."""
    copied = model.with_clip(copy.deepcopy(model.clip))
    titles, paths = table["title"].tolist(), table["image_path"].tolist()
    seconds = []
    for _ in range(epochs):
        begin = time.perf_counter()
        baseline.train(copied, titles, paths, batch_size, device=device)
        synchronize(torch.device(device))
        seconds.append(time.perf_counter() - begin)
    return seconds


def ours(model: RuCLIP, table: pd.DataFrame, config: TrainConfig) -> list[float]:
    """Seconds of each epoch; the first also starts the loader processes and decodes the images."""
    copied, device = model.with_clip(copy.deepcopy(model.clip)), choose(config.device)
    pairs = pairs_from(table)
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as cache, kept_memory():
        os.environ["VITRINA_CACHE"] = cache
        pixels = pixels_of(pairs, copied, config.cache_gb)
        steps = BatchDataset(pairs, pixels, copied, config, World())
        learner = Learner(copied, config, len(steps), device, World())
        workers, pin = worker_count(config.num_workers, device), device.type == "cuda"
        seconds, begin = [], time.perf_counter()
        for done, batch in enumerate(loader(steps, range(len(steps)), workers, pin=pin), 1):
            learner.step(batch)
            if done % steps.per_epoch == 0:
                synchronize(device)
                seconds.append(time.perf_counter() - begin)
                begin = time.perf_counter()
    return seconds


def measure(rows: int, batch_size: int, repeats: int) -> pd.DataFrame:
    """Pairs per second of each variant, a row per round."""
    rounds = []
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        table = workload.table(Path(scratch), rows)
        model = workload.full_size(Path(scratch), table["title"].tolist())
        new = TrainConfig(
            num_epochs=EPOCHS, batch_size=batch_size, device="cpu", precision="float32"
        )
        exact = new.model_copy(update={"optimizer": "adamw", "augment": "none"})
        half = exact.model_copy(update={"precision": "bfloat16"})
        for _ in range(repeats):
            plain = original(model, table, batch_size, epochs=EPOCHS)
            found = ours(model, table, exact)
            seconds = {
                "baseline, first epoch": plain[0],
                "baseline, later epochs": plain[-1],
                "ours, first epoch": found[0],
                "ours, later epochs": found[-1],
                "ours, later epochs, bfloat16": ours(model, table, half)[-1],
                "ours, later epochs, Muon": ours(model, table, new)[-1],
            }
            rounds.append({name: rows / one for name, one in seconds.items()})
    return pd.DataFrame(rounds)


def findings(found: pd.DataFrame, batch_size: int, rows: int) -> Findings:
    """The speed-up of the first epoch and the later ones over the baseline, and of bfloat16."""
    figures = tuple(
        Figure(
            name=f"{name}: speed-up over the baseline",
            values=ratios(found[f"ours, {name}"], found[f"baseline, {name}"]),
            at_least=1.3,
        )
        for name in ("first epoch", "later epochs")
    )
    half = Figure(
        name="later epochs: bfloat16 over float32",
        values=ratios(found["ours, later epochs, bfloat16"], found["ours, later epochs"]),
        at_least=2 if processor.prefers_bfloat16() else None,
    )
    muon = Figure(
        name="later epochs: Muon and augmentation relative to AdamW",
        values=ratios(found["ours, later epochs, Muon"], found["ours, later epochs"]),
    )
    units = ", ".join(processor.bfloat16_units()) or "none"
    return Findings(
        workload=f"{rows} pairs in batches of {batch_size}: ruclip-vit-base-patch32-384 with "
        "random weights, all layers, JPEGs of 900 × 1,200. The first epoch decodes the "
        "images, later ones read their pixels from the cache.",
        figures=(*figures, half, muon),
        bars=(bars("Pairs trained on", "pairs/s", found),),
        rates={"pairs per second": float(found["ours, later epochs"].median())},
        notes=(
            f"Units for bfloat16 on this processor: {units}; a product in it is "
            f"{processor.bfloat16_gain():.2f} times as fast as in float32. Where it is not clearly "
            "faster, there is no goal for it, and `precision: auto` trains in float32.",
        ),
    )


def main(rows: int = 32, batch_size: int = 32, repeats: int = 3, json: Path | None = None) -> None:
    """Print rates and ratios."""
    found = measure(rows, batch_size, repeats)
    print(
        f"{rows} pairs, batch {batch_size}, {repeats} rounds, {torch.get_num_threads()} "
        f"threads, torch {torch.__version__}; medians"
    )
    for name in found:
        epochs = "first epoch" if "first epoch" in str(name) else "later epochs"
        ratio = found[name] / found[f"baseline, {epochs}"]
        interval = f"{ratio.min():.2f} to {ratio.max():.2f}"
        rate = f"{found[name].median():6.2f} pairs/s"
        print(f"{name:<28} {rate}   {ratio.median():.2f} times the baseline ({interval})")
    write_findings(findings(found, batch_size, rows), json)


if __name__ == "__main__":
    tyro.cli(main)
