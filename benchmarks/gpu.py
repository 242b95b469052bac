"""Embedding and training on a GPU: against the plain way on it, and against its bfloat16 limit.

python -m benchmarks.gpu                                     where torch finds a GPU
python -m benchmarks.gpu --device cpu --rows 4 --repeats 1   only to try the benchmark itself

Without a GPU it measures nothing and says so. The plain way is that of the other benchmarks with
its model on the GPU: one thread decodes images, the GPU computes in float32. Ours has its default
settings. The limit is the GPU's own bfloat16 matrix product (torch.mm at the model's shapes),
divided by the multiplications and additions of an image or pair; nothing but those products would
be computed, from pixels that are there. What decoding takes of it, the images from memory show.
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
from benchmarks.results import Figure, Findings, bars, keep, ratios, show
from vitrina.config import EmbedConfig, TrainConfig
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.shard import make_embedder
from vitrina.images.load import normalize
from vitrina.model.device import choose
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import tokenize

Device = Literal["cpu", "cuda"]
DIFFERENT = 256  # images that are drawn; the rest are the same under other names
PLAIN_BATCH = 32
LEAST = 5  # times the plain way
EPOCHS = 4
BACKWARD = 2  # times the forward pass's products again
LIMIT_PASSES = {"cpu": 1, "cuda": 20}  # a GPU does one in some milliseconds
NO_GPU = "torch finds no GPU on this machine, so nothing was measured."


def from_memory(embedder: Embedder, images: int) -> None:
    """Embed images whose pixels are on the device."""
    model, device = embedder.model, embedder.device
    side, size = model.resolution, min(embedder.batch_size, images)
    pixels = torch.zeros(size, 3, side, side, dtype=torch.uint8, device=device)
    with torch.inference_mode():
        for _ in range(0, images, size):
            embedder.towers.image(normalize(pixels, model.mean, model.std))
    synchronize(device)


def shares(name: str, found: pd.Series, limit: pd.Series) -> Figure:
    """How much of the limit a way reaches."""
    return Figure(name=name, values=ratios(found, limit), unit="of the limit")


def compare_images(model: RuCLIP, table: pd.DataFrame, device: Device, repeats: int) -> Findings:
    """Images a second, from files."""
    paths = table["image_path"].tolist()
    ours = make_embedder(model, EmbedConfig(device=device))
    ours.images(paths[:PLAIN_BATCH])  # finds the batch size
    moved = model.with_clip(copy.deepcopy(model.clip))
    few = min(len(paths), PLAIN_BATCH)
    gflop, products = matrix_products(
        model.config, few, ours.device, torch.bfloat16, LIMIT_PASSES[device]
    )
    products()  # warms up
    gflop_of_one = image_gflop(model.config, last_layer_whole=False)
    found = rates(
        {
            "plain": (
                len(paths),
                partial(baseline.embed_images, moved, paths, PLAIN_BATCH, device),
            ),
            "ours": (len(paths), lambda: ours.images(paths)),
            "ours, from memory": (len(paths), lambda: from_memory(ours, len(paths))),
            "the bfloat16 limit": (gflop / gflop_of_one, products),
        },
        repeats,
    )
    limit = found["the bfloat16 limit"]
    return Findings(
        load="",
        figures=(
            against(found, "images: ours to plain", "ours", "plain", LEAST),
            shares("images: ours, from files", found["ours"], limit),
            shares("images: ours, from memory", found["ours, from memory"], limit),
            Figure(name="images in a batch, as found", values=(ours.batch_size,), unit=""),
        ),
        bars=(bars("Images embedded on the GPU", "images/s", found),),
        rates={"images per second": float(found["ours"].median())},
    )


def compare_texts(model: RuCLIP, table: pd.DataFrame, device: Device, repeats: int) -> Findings:
    """Texts a second in six templates."""
    titles = table["title"].tolist()
    ours = make_embedder(model, EmbedConfig(device=device))
    ours.texts(titles[:PLAIN_BATCH])
    moved = model.with_clip(copy.deepcopy(model.clip))
    plain = partial(baseline.embed_texts, moved, titles, PLAIN_BATCH, device)
    found = rates(
        {"plain": (len(titles), plain), "ours": (len(titles), lambda: ours.texts(titles))}, repeats
    )
    return Findings(
        load="",
        figures=(against(found, "texts: ours to plain, six templates", "ours", "plain", LEAST),),
        bars=(bars("Texts embedded on the GPU", "texts/s", found),),
        rates={"texts per second": float(found["ours"].median())},
    )


def compare_training(model: RuCLIP, table: pd.DataFrame, device: Device, repeats: int) -> Findings:
    """Pairs a second, all layers: the epochs after the first, in which images are decoded."""
    config = TrainConfig(num_epochs=EPOCHS, device=device)
    gflop, products = matrix_products(
        model.config, config.batch_size, choose(device), torch.bfloat16, LIMIT_PASSES[device]
    )
    products()  # warms up
    tokens = mean(map(len, tokenize(model.tokenizer, table["title"].tolist())))
    of_a_pair = (1 + BACKWARD) * (
        image_gflop(model.config, last_layer_whole=True)
        + text_gflop(model.config, tokens, last_layer_whole=True)
    )
    turns = []
    for _ in range(repeats):
        first, *later = train.ours(model, table, config)
        plain = train.plain(model, table, config.batch_size, device)
        begin = time.perf_counter()
        products()
        seconds = time.perf_counter() - begin
        turns.append(
            {
                "plain": len(table) / plain,
                "first epoch": len(table) / first,
                "later epochs": len(table) / mean(later),
                "the bfloat16 limit": gflop / of_a_pair / seconds,
            }
        )
    found, name = pd.DataFrame(turns), "training: ours, later epochs"
    return Findings(
        load="",
        figures=(
            against(found, f"{name}, to plain", "later epochs", "plain", LEAST),
            shares(name, found["later epochs"], found["the bfloat16 limit"]),
        ),
        bars=(bars("Pairs trained on on the GPU", "pairs/s", found),),
        rates={"pairs per second": float(found["later epochs"].median())},
    )


def findings(device: Device, rows: int, repeats: int) -> Findings:
    """All comparisons on one device."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        table = workload.table(Path(scratch), rows, DIFFERENT)
        model = workload.full_size(Path(scratch), table["title"].tolist())
        parts = [
            compare(model, table, device, repeats)
            for compare in (compare_images, compare_texts, compare_training)
        ]
    load = (
        f"{rows:,} rows ({min(rows, DIFFERENT)} different images): ruclip-vit-base-patch32-384 "
        "with random weights, JPEGs of 900 × 1,200. The plain way has its model on the GPU too."
    )
    return Findings.joined(load, parts)


def main(
    device: Device = "cuda", rows: int = 1_024, repeats: int = 3, json: Path | None = None
) -> None:
    """Print every comparison."""
    if device == "cuda" and not torch.cuda.is_available():
        print(NO_GPU)
        keep(Findings(load=NO_GPU), json)
        return
    found = findings(device, rows, repeats)
    show(found)
    for one in found.bars:
        print(f"{one.title}, {one.unit}")
        for way in one.ways:
            print(f"  {way:<25} {one.median(way):10.1f}")
    keep(found, json)


if __name__ == "__main__":
    tyro.cli(main)
