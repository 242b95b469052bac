"""Embedding against the plain way, on full-size random weights and photo-like images.

python -m benchmarks.embed               about three minutes on two cores
python -m benchmarks.embed --rows 48 --repeats 5

The ways take turns, so that a busy machine is busy for all; ratios are of neighbouring turns. The
machine's own float32 matrix product, torch.mm at the model's shapes, takes its turn too.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import mean, median

import numpy as np
import pandas as pd
import torch
import tyro

from benchmarks import baseline, workload
from benchmarks.limits import image_gflop, matrix_products
from benchmarks.results import Figure, Findings, bars, keep, ratios
from vitrina.config import EmbedConfig
from vitrina.embedding.embedder import Embedder, Templates
from vitrina.embedding.precision import Precision
from vitrina.embedding.shard import embed_shard, make_embedder
from vitrina.embedding.stored import OutputNames
from vitrina.embedding.table import EmbedRequest, embed_table
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import tokenize
from vitrina.store.paths import to_path

CPU = torch.device("cpu")
BATCH_SIZE = 32
SGEMM_IMAGES = 8  # whose tokens are the rows of the matrices


def rates(ways: Mapping[str, tuple[float, Callable[[], object]]], repeats: int) -> pd.DataFrame:
    """Items per second of each way (its items, its work), one column a way, one row a turn."""
    turns = []
    for _ in range(repeats):
        turn = {}
        for name, (items, work) in ways.items():
            begin = time.perf_counter()
            work()
            turn[name] = items / (time.perf_counter() - begin)
        turns.append(turn)
    return pd.DataFrame(turns)


def times(found: pd.DataFrame, faster: str, slower: str = "plain") -> str:
    """How many times faster one way was: the middle turn, and the spread of all."""
    ratio = found[faster] / found[slower]
    return f"{ratio.median():.2f} times ({ratio.min():.2f} to {ratio.max():.2f})"


def embedder(
    model: RuCLIP, precision: Precision = "float32", templates: Templates = "ruclip"
) -> Embedder:
    """Ours, its weights laid out."""
    made = Embedder(model, CPU, BATCH_SIZE, templates, precision)
    made.texts(["платье"])
    return made


def against(found: pd.DataFrame, name: str, faster: str, slower: str, least: float) -> Figure:
    """How many times faster one way was, and how many times it should be."""
    return Figure(name=name, values=ratios(found[faster], found[slower]), at_least=least)


def difference(name: str, one: np.ndarray, other: np.ndarray) -> Figure:
    """The largest difference of two sets of vectors that are to be equal."""
    largest = float(np.abs(one - other).max())
    return Figure(name=name, values=(largest,), unit="", at_most=1e-5)


def nearness(one: np.ndarray, other: np.ndarray) -> str:
    """How far two sets of vectors are apart."""
    cosine = least_cosine(one, other)
    return f"largest difference {np.abs(one - other).max():.1e}, least cosine {cosine:.5f}"


def least_cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Of each row's two unit vectors."""
    return float((one * other).sum(axis=1).min())


def compare_images(model: RuCLIP, table: pd.DataFrame, repeats: int) -> Findings:
    """Images in float32, and how much of the machine's matrix product that reaches."""
    paths, exact = table["image_path"].tolist(), embedder(model)
    plain = partial(baseline.embed_images, model, paths, BATCH_SIZE)
    half, int8 = embedder(model, "bfloat16"), embedder(model, "int8")
    found = rates(
        {
            "sgemm": matrix_products(model.config, SGEMM_IMAGES, CPU, torch.float32),
            "plain": (len(paths), plain),
            "float32": (len(paths), lambda: exact.images(paths)),
            "bfloat16": (len(paths), lambda: half.images(paths)),
            "int8": (len(paths), lambda: int8.images(paths)),
        },
        repeats,
    )
    whole = image_gflop(model.config, last_layer_whole=True)
    done = image_gflop(model.config, last_layer_whole=False)
    print(f"\nImages a second (sgemm: GFLOP/s); one image is {whole:.1f} GFLOP")
    print(found.round(2).to_string(index=False))
    print(
        f"float32 {times(found, 'float32')}, bfloat16 {times(found, 'bfloat16')}, "
        f"int8 {times(found, 'int8')}"
    )
    for name in ("plain", "float32"):
        share = found[name] / found["sgemm"]
        computed = whole if name == "plain" else done
        print(
            f"{name} has {100 * median(share * whole):.0f}% of the sgemm rate by the model's "
            f"FLOP, decoding included; {100 * median(share * computed):.0f}% by those computed"
        )
    reference = plain()
    for own, name in ((exact, "float32"), (half, "bfloat16"), (int8, "int8")):
        print(f"{name}: {nearness(own.images(paths), reference)}")
    # As many images as the matrix product alone would do.
    allowed = {"as computed": found["sgemm"] / done, "as the model has": found["sgemm"] / whole}
    shares = [
        Figure(
            name=f"images: ours to what sgemm allows, FLOP {words}",
            values=ratios(found["float32"], most),
            at_least=least,
        )
        for (words, most), least in zip(allowed.items(), (0.75, None), strict=True)
    ]
    ways = {"what sgemm allows": allowed["as computed"], "plain": found["plain"]}
    ways |= {f"ours, {name}": found[name] for name in ("float32", "bfloat16", "int8")}
    return Findings(
        load="",
        figures=(
            against(found, "images: ours to plain, equal values", "float32", "plain", 1.5),
            *shares,
            difference("images: largest difference to plain", exact.images(paths), reference),
        ),
        bars=(bars("Images embedded", "images/s", ways),),
        rates={"images per second": float(found["float32"].median())},
    )


def compare_texts(model: RuCLIP, table: pd.DataFrame, repeats: int) -> Findings:
    """Texts in six templates and in one."""
    titles = table["title"].tolist()
    lengths = [len(row) - 2 for row in tokenize(model.tokenizer, titles)]
    some = titles[: min(len(titles), 16)]
    exact, single = embedder(model), embedder(model, templates="single")
    half, int8 = embedder(model, "bfloat16"), embedder(model, "int8")
    plain = partial(baseline.embed_texts, model, some, BATCH_SIZE)
    many = [f"{title} {number}" for number in range(8) for title in titles]
    found = rates(
        {
            "plain": (len(some), plain),
            "float32": (len(titles), lambda: exact.texts(titles)),
            "single": (len(many), lambda: single.texts(many)),
            "bfloat16": (len(titles), lambda: half.texts(titles)),
            "int8": (len(titles), lambda: int8.texts(titles)),
        },
        repeats,
    )
    print(
        f"\nTexts a second, of {min(lengths)} to {max(lengths)} tokens, {mean(lengths):.1f} on "
        "average, without bos and eos"
    )
    print(found.round(2).to_string(index=False))
    print(
        f"float32 {times(found, 'float32')}, bfloat16 {times(found, 'bfloat16')}, "
        f"int8 {times(found, 'int8')}"
    )
    print(f"a single template is {times(found, 'single', 'float32')} faster again; other values")
    reference = plain()
    for own, name in ((exact, "float32"), (half, "bfloat16"), (int8, "int8"), (single, "single")):
        print(f"{name}: {nearness(own.texts(some), reference)}")
    ways = {"plain": found["plain"], "ours, six templates": found["float32"]}
    ways |= {f"ours, {name}": found[name] for name in ("bfloat16", "int8")}
    ways["ours, one template"] = found["single"]
    return Findings(
        load="",
        figures=(
            against(found, "texts: ours to plain, equal values", "float32", "plain", 7),
            difference("texts: largest difference to plain", exact.texts(some), reference),
            against(found, "texts: one template to six, other values", "single", "float32", 3),
        ),
        bars=(bars("Texts embedded", "texts/s", ways),),
        rates={
            "texts per second": float(found["float32"].median()),
            "texts per second, one template": float(found["single"].median()),
        },
        notes=(
            f"Titles have {min(lengths)} to {max(lengths)} tokens, {mean(lengths):.1f} on average.",
            "One template (`templates: single`) gives other values than ruclip.Predictor: here the "
            f"least cosine between both is {least_cosine(single.texts(some), reference):.3f}.",
        ),
    )


def compare_rows(model: RuCLIP, table: pd.DataFrame, folder: Path, repeats: int) -> Findings:
    """The whole of embed: a table in, NPZ and shards out."""
    csv, config = folder / "table.csv", EmbedConfig(batch_size=BATCH_SIZE, device="cpu")
    table.to_csv(csv, index=False)
    titles, paths = table["title"].tolist(), table["image_path"].tolist()
    names = OutputNames("embeddings.npz", "embeddings.parquet")

    def ours() -> None:
        request = EmbedRequest(
            table=to_path(csv),
            folder=to_path(folder / "ours"),
            names=names,
            settings="benchmark",
            shard_rows=config.shard_rows,
            refresh=True,
        )
        embed_table(request, partial(map, partial(embed_shard, make_embedder(model, config))))

    def plain() -> None:
        baseline.embed_rows(model, titles, paths, BATCH_SIZE, folder / "plain.npz")

    found = rates({"plain": (len(table), plain), "ours": (len(table), ours)}, repeats)
    print("\nRows a second, from table and images to files")
    print(found.round(2).to_string(index=False))
    print(times(found, "ours"))
    figures = [against(found, "rows: ours to plain, files to files", "ours", "plain", 2)]
    with np.load(folder / "plain.npz") as one, np.load(folder / "ours" / names.npz) as other:
        for name in ("text", "img"):
            print(f"{name}: {nearness(one[name], other[name])}")
            figures.append(difference(f"rows: largest difference, {name}", one[name], other[name]))
    return Findings(
        load="",
        figures=tuple(figures),
        bars=(bars("Rows embedded", "rows/s", found),),
        rates={"rows per second": float(found["ours"].median())},
    )


def main(rows: int = 32, repeats: int = 3, json: Path | None = None) -> None:
    """Print every comparison, turn by turn."""
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{torch.backends.cpu.get_cpu_capability()}, batches of {BATCH_SIZE}"
    )
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        folder = Path(scratch)
        table = workload.table(folder, rows)
        model = workload.full_size(folder, table["title"].tolist())
        parts = [
            compare_images(model, table, repeats),
            compare_texts(model, table, repeats),
            compare_rows(model, table.head(16), folder, repeats),
        ]
    load = (
        f"{rows} rows, batches of {BATCH_SIZE}: ruclip-vit-base-patch32-384 with random weights, "
        "JPEGs of 900 × 1,200. The plain way is ruclip.Predictor over a DataLoader."
    )
    keep(Findings.joined(load, parts), json)


if __name__ == "__main__":
    tyro.cli(main)
