"""Training against the plain loop: pairs per second, all layers, float32, the same mathematics.

python -m benchmarks.train                    some minutes on two cores
python -m benchmarks.train --rows 64 --batch_size 32 --repeats 5

The load is full-size random weights of ruclip-vit-base-patch32-384, titles of real length and
JPEGs of 900 × 1,200. The ways take turns, so that a busy machine is busy for both. Ours reads its
images twice: in the first epoch from the JPEGs, later from the cache of decoded pixels.
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
from benchmarks.results import Figure, Findings, bars, keep, ratios
from vitrina.config import TrainConfig
from vitrina.model.device import choose
from vitrina.model.model import RuCLIP
from vitrina.training.data.batches import BatchDataset, loader, worker_count
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import pixels_of
from vitrina.training.distributed import World
from vitrina.training.learner import Learner


def plain(model: RuCLIP, table: pd.DataFrame, batch_size: int, device: str = "cpu") -> float:
    """Seconds of an epoch as the seed document describes it."""
    copied = model.with_clip(copy.deepcopy(model.clip))
    titles, paths = table["title"].tolist(), table["image_path"].tolist()
    begin = time.perf_counter()
    baseline.train(copied, titles, paths, batch_size, device=device)
    synchronize(torch.device(device))
    return time.perf_counter() - begin


def ours(model: RuCLIP, table: pd.DataFrame, config: TrainConfig) -> list[float]:
    """Seconds of each epoch: the first starts loading processes and decodes the images."""
    copied, device = model.with_clip(copy.deepcopy(model.clip)), choose(config.device)
    pairs = pairs_from(table)
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as cache:
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
    """Pairs per second of each way, a row per turn."""
    turns = []
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        table = workload.table(Path(scratch), rows)
        model = workload.full_size(Path(scratch), table["title"].tolist())
        config = TrainConfig(num_epochs=2, batch_size=batch_size, device="cpu", precision="float32")
        for _ in range(repeats):
            first, later = ours(model, table, config)
            seconds = {
                "plain": plain(model, table, batch_size),
                "first epoch": first,
                "later epochs": later,
            }
            turns.append({name: rows / one for name, one in seconds.items()})
    return pd.DataFrame(turns)


def findings(found: pd.DataFrame, batch_size: int, rows: int) -> Findings:
    """The first epoch and the later ones against the plain loop."""
    figures = tuple(
        Figure(
            name=f"ours, {name}, to plain", values=ratios(found[name], found["plain"]), at_least=1.3
        )
        for name in ("first epoch", "later epochs")
    )
    return Findings(
        load=f"{rows} pairs in batches of {batch_size}: ruclip-vit-base-patch32-384 with random "
        "weights, all layers, float32, JPEGs of 900 × 1,200. The first epoch decodes the images, "
        "later ones find their pixels.",
        figures=figures,
        bars=(bars("Pairs trained on", "pairs/s", found),),
        rates={"pairs per second": float(found["later epochs"].median())},
    )


def main(rows: int = 32, batch_size: int = 32, repeats: int = 3, json: Path | None = None) -> None:
    """Print rates and ratios."""
    found = measure(rows, batch_size, repeats)
    print(
        f"{rows} pairs, batch {batch_size}, {repeats} repetitions, {torch.get_num_threads()} "
        f"threads, torch {torch.__version__}; medians"
    )
    for name in found:
        ratio = found[name] / found["plain"]
        spread = f"{ratio.min():.2f} to {ratio.max():.2f}"
        rate = f"{found[name].median():6.2f} pairs/s"
        print(f"{name:<14} {rate}   {ratio.median():.2f} times the plain loop ({spread})")
    keep(findings(found, batch_size, rows), json)


if __name__ == "__main__":
    tyro.cli(main)
