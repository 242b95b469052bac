"""Embedding and training on a GPU: against the baseline on it, and against its bfloat16 limit.

python -m benchmarks.gpu                                     where torch finds a GPU
python -m benchmarks.gpu --device cpu --rows 4 --repeats 1   only to test the benchmark itself

Without a GPU it measures nothing and says so. The baseline is that of the other benchmarks with its
model on the GPU: one thread decodes images, and the GPU computes in float32. Ours runs with its
default settings. The limit is the rate if only the matrix products took time: the GPU's rate at
bfloat16 products alone (torch.mm at the model's shapes), divided by the multiplications and
additions of an image or a pair. Images from memory show what decoding costs.
"""

import copy
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Literal

import pandas as pd
import torch
import tyro

from benchmarks import baseline, train, workload
from benchmarks.embed import against, rates
from benchmarks.limits import image_gflop, matrix_products, synchronize, text_gflop
from benchmarks.results import Figure, Findings, bars, print_figures, ratios, write_findings
from vitrina.config.embedding import EmbedConfig
from vitrina.config.training import TrainConfig
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.shard import make_embedder
from vitrina.model.device import choose
from vitrina.model.image_input import normalize
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import tokenize

Device = Literal["cpu", "cuda"]
DISTINCT = 256  # images that are drawn; the others are copies of them
BASELINE_BATCH = 32
GOAL = 5  # speed-up over the baseline
EPOCHS = 4
BACKWARD = 2  # matrix products of the backward pass, in forward passes
LIMIT_PASSES = {"cpu": 1, "cuda": 20}  # a GPU takes only milliseconds for one
NO_GPU = "torch finds no GPU on this machine, so nothing was measured."


def from_memory(embedder: Embedder, images: int) -> None:
    """Embed images whose pixels are on the device already."""
    model, device = embedder.model, embedder.device
    side, size = model.resolution, min(embedder.batch_size, images)
    pixels = torch.zeros(size, 3, side, side, dtype=torch.uint8, device=device)
    with torch.inference_mode():
        for _ in range(0, images, size):
            embedder.towers.image(normalize(pixels, model.mean, model.std))
    synchronize(device)


def shares(name: str, found: pd.Series, limit: pd.Series) -> Figure:
    """The share of the limit that a variant reaches."""
    return Figure(name=name, values=ratios(found, limit), unit="of the limit")


def compare_images(model: RuCLIP, table: pd.DataFrame, device: Device, repeats: int) -> Findings:
    """Images per second, from files."""
    paths = table["image_path"].tolist()
    ours = make_embedder(model, EmbedConfig(device=device))
    ours.images(paths[:BASELINE_BATCH])  # to find the batch size
    moved = model.with_clip(copy.deepcopy(model.clip))
    few = min(len(paths), BASELINE_BATCH)
    gflop, products = matrix_products(
        model.config, few, ours.device, torch.bfloat16, LIMIT_PASSES[device]
    )
    products()  # warms up
    gflop_of_one = image_gflop(model.config, last_layer_whole=False)
    found = rates(
        {
            "baseline": (
                len(paths),
                partial(baseline.embed_images, moved, paths, BASELINE_BATCH, device),
            ),
            "ours": (len(paths), lambda: ours.images(paths)),
            "ours, from memory": (len(paths), lambda: from_memory(ours, len(paths))),
            "the bfloat16 limit": (gflop / gflop_of_one, products),
        },
        repeats,
    )
    limit = found["the bfloat16 limit"]
    return Findings(
        workload="",
        figures=(
            against(found, "images: speed-up over the baseline", "ours", "baseline", GOAL),
            shares("images: from files", found["ours"], limit),
            shares("images: from memory", found["ours, from memory"], limit),
            Figure(name="images: batch size found", values=(ours.batch_size,), unit=""),
        ),
        bars=(bars("Images embedded on the GPU", "images/s", found),),
        rates={"images per second": float(found["ours"].median())},
    )


def compare_texts(model: RuCLIP, table: pd.DataFrame, device: Device, repeats: int) -> Findings:
    """Texts per second in six templates."""
    titles = table["title"].tolist()
    ours = make_embedder(model, EmbedConfig(device=device))
    ours.texts(titles[:BASELINE_BATCH])
    moved = model.with_clip(copy.deepcopy(model.clip))
    original = partial(baseline.embed_texts, moved, titles, BASELINE_BATCH, device)
    found = rates(
        {"baseline": (len(titles), original), "ours": (len(titles), lambda: ours.texts(titles))},
        repeats,
    )
    return Findings(
        workload="",
        figures=(against(found, "texts: speed-up over the baseline", "ours", "baseline", GOAL),),
        bars=(bars("Texts embedded on the GPU", "texts/s", found),),
        rates={"texts per second": float(found["ours"].median())},
    )


def compare_training(model: RuCLIP, table: pd.DataFrame, device: Device, repeats: int) -> Findings:
    """Pairs per second, all layers; images are decoded in the first epoch."""
    # As a pretrained model is trained, for which the random weights stand in.
    config = TrainConfig(num_epochs=EPOCHS, device=device, optimizer="adamw", augment="none")
    gflop, products = matrix_products(
        model.config, config.batch_size, choose(device), torch.bfloat16, LIMIT_PASSES[device]
    )
    products()  # warms up
    tokens = mean(map(len, tokenize(model.tokenizer, table["title"].tolist())))
    of_a_pair = (1 + BACKWARD) * (
        image_gflop(model.config, last_layer_whole=True)
        + text_gflop(model.config, tokens, last_layer_whole=True)
    )
    rounds = []
    for _ in range(repeats):
        first, *later = train.ours(model, table, config)
        original = train.original(model, table, config.batch_size, device)[0]
        begin = time.perf_counter()
        products()
        seconds = time.perf_counter() - begin
        rounds.append(
            {
                "baseline": len(table) / original,
                "ours, first epoch": len(table) / first,
                "ours, later epochs": len(table) / mean(later),
                "the bfloat16 limit": gflop / of_a_pair / seconds,
            }
        )
    found, name = pd.DataFrame(rounds), "training: later epochs"
    return Findings(
        workload="",
        figures=(
            against(
                found, f"{name}: speed-up over the baseline", "ours, later epochs", "baseline", GOAL
            ),
            shares(name, found["ours, later epochs"], found["the bfloat16 limit"]),
        ),
        bars=(bars("Pairs trained on, on the GPU", "pairs/s", found),),
        rates={"pairs per second": float(found["ours, later epochs"].median())},
    )


def findings(device: Device, rows: int, repeats: int) -> Findings:
    """All comparisons on one device."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        table = workload.table(Path(scratch), rows, DISTINCT)
        model = workload.full_size(Path(scratch), table["title"].tolist())
        parts = [
            compare(model, table, device, repeats)
            for compare in (compare_images, compare_texts, compare_training)
        ]
    description = (
        f"{rows:,} rows ({min(rows, DISTINCT)} distinct images): ruclip-vit-base-patch32-384 "
        "with random weights, JPEGs of 900 × 1,200. The model of the baseline is on the GPU too."
    )
    return Findings.merged(description, parts)


def main(
    device: Device = "cuda", rows: int = 1_024, repeats: int = 3, json: Path | None = None
) -> None:
    """Print every comparison."""
    if device == "cuda" and not torch.cuda.is_available():
        print(NO_GPU)
        write_findings(Findings(workload=NO_GPU), json)
        return
    found = findings(device, rows, repeats)
    print_figures(found)
    for one in found.bars:
        print(f"{one.title}, {one.unit}")
        for variant in one.variants:
            print(f"  {variant:<25} {one.median(variant):10.1f}")
    write_findings(found, json)


if __name__ == "__main__":
    tyro.cli(main)
