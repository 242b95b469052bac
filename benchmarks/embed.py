"""Embedding against the baseline, with full-size random weights and photo-like images.

python -m benchmarks.embed               about three minutes on two cores
python -m benchmarks.embed --rows 48 --repeats 5

The variants take turns, so that other work on the machine slows down all of them, and a ratio
compares variants of the same round. One variant is the machine's float32 matrix product alone
(torch.mm at the model's shapes), the sgemm limit.
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
from benchmarks.peers import onnxruntime_images, openvino_images
from benchmarks.results import Figure, Findings, bars, ratios, write_findings
from vitrina.config.embedding import EmbedConfig
from vitrina.embedding.embedder import Embedder, Templates
from vitrina.embedding.precision import Precision, make_inference_towers
from vitrina.embedding.shard import embed_shard, make_embedder
from vitrina.embedding.stored import OutputNames
from vitrina.embedding.table import EmbedRequest, embed_table
from vitrina.model import processor
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import tokenize
from vitrina.store.paths import to_path

CPU = torch.device("cpu")
BATCH_SIZE = 32
SGEMM_IMAGES = 8  # their tokens are the rows of the matrices
ENGINE_BATCH, ROUNDS = 4, 3  # images in a pass, and passes that are timed together
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def rates(variants: Mapping[str, tuple[float, Callable[[], object]]], repeats: int) -> pd.DataFrame:
    """Items per second: a column per variant (its items and its work), a row per round."""
    rounds = []
    for _ in range(repeats):
        one_round = {}
        for name, (items, work) in variants.items():
            begin = time.perf_counter()
            work()
            one_round[name] = items / (time.perf_counter() - begin)
        rounds.append(one_round)
    return pd.DataFrame(rounds)


def speed_up(found: pd.DataFrame, faster: str, slower: str = "baseline") -> str:
    """The speed-up of one variant over another: median and range of the rounds."""
    ratio = found[faster] / found[slower]
    return f"{ratio.median():.2f} times ({ratio.min():.2f} to {ratio.max():.2f})"


def embedder(
    model: RuCLIP, precision: Precision = "float32", templates: Templates = "ruclip"
) -> Embedder:
    """An embedder of ours, ready to use."""
    made = Embedder(model, CPU, BATCH_SIZE, templates, precision)
    made.texts(["платье"])
    return made


def against(found: pd.DataFrame, name: str, faster: str, slower: str, goal: float) -> Figure:
    """The speed-up of one variant over another, and its goal."""
    return Figure(name=name, values=ratios(found[faster], found[slower]), at_least=goal)


def difference(name: str, one: np.ndarray, other: np.ndarray) -> Figure:
    """The largest difference between two sets of vectors, which should be equal."""
    largest = float(np.abs(one - other).max())
    return Figure(name=name, values=(largest,), unit="", at_most=1e-5)


def agreement(one: np.ndarray, other: np.ndarray) -> str:
    """The largest difference and the lowest cosine between two sets of vectors."""
    cosine = lowest_cosine(one, other)
    return f"largest difference {np.abs(one - other).max():.1e}, lowest cosine {cosine:.5f}"


def lowest_cosine(one: np.ndarray, other: np.ndarray) -> float:
    """The lowest cosine between the two unit vectors of a row."""
    return float((one * other).sum(axis=1).min())


def compare_images(model: RuCLIP, table: pd.DataFrame, repeats: int) -> Findings:
    """Images in each precision; float32 also relative to the machine's matrix product alone."""
    paths, exact = table["image_path"].tolist(), embedder(model)
    original = partial(baseline.embed_images, model, paths, BATCH_SIZE)
    half, int8 = embedder(model, "bfloat16"), embedder(model, "int8")
    found = rates(
        {
            "sgemm": matrix_products(model.config, SGEMM_IMAGES, CPU, torch.float32),
            "baseline": (len(paths), original),
            "float32": (len(paths), lambda: exact.images(paths)),
            "bfloat16": (len(paths), lambda: half.images(paths)),
            "int8": (len(paths), lambda: int8.images(paths)),
        },
        repeats,
    )
    whole = image_gflop(model.config, last_layer_whole=True)
    computed = image_gflop(model.config, last_layer_whole=False)
    print(f"\nImages per second (sgemm: GFLOP/s); one image is {whole:.1f} GFLOP")
    print(found.round(2).to_string(index=False))
    print(
        f"float32 {speed_up(found, 'float32')}, bfloat16 {speed_up(found, 'bfloat16')}, "
        f"int8 {speed_up(found, 'int8')}"
    )
    for name in ("baseline", "float32"):
        share = found[name] / found["sgemm"]
        own = whole if name == "baseline" else computed
        print(
            f"{name} reaches {100 * median(share * whole):.0f}% of the sgemm rate by the whole "
            f"model's FLOP, with decoding; {100 * median(share * own):.0f}% by the FLOP it computes"
        )
    reference = original()
    for ours, name in ((exact, "float32"), (half, "bfloat16"), (int8, "int8")):
        print(f"{name}: {agreement(ours.images(paths), reference)}")
    # Images per second if only the matrix products took time.
    limits = {
        "that ours computes": found["sgemm"] / computed,
        "of the whole model": found["sgemm"] / whole,
    }
    shares = [
        Figure(
            name=f"images: rate relative to the sgemm limit, FLOP {which}",
            values=ratios(found["float32"], limit),
            at_least=goal,
        )
        for (which, limit), goal in zip(limits.items(), (0.75, None), strict=True)
    ]
    variants = {"sgemm limit": limits["that ours computes"], "baseline": found["baseline"]}
    variants |= {f"ours, {name}": found[name] for name in ("float32", "bfloat16", "int8")}
    return Findings(
        workload="",
        figures=(
            against(
                found, "images: speed-up over the baseline, same values", "float32", "baseline", 1.5
            ),
            *shares,
            difference(
                "images: largest difference from the baseline", exact.images(paths), reference
            ),
        ),
        bars=(bars("Images embedded", "images/s", variants),),
        rates={"images per second": float(found["float32"].median())},
    )


def compare_engines(model: RuCLIP, repeats: int) -> Findings:
    """The image tower alone, without decoding: ours, OpenVINO and ONNX Runtime, both precisions."""
    images, units = ENGINE_BATCH, processor.bfloat16_units()
    pixels = torch.randn(images, 3, model.resolution, model.resolution)
    ours = {name: make_inference_towers(model.clip, CPU, name) for name in PRECISIONS}
    engines: dict[str, Callable[[], object]] = {
        "ours, float32": lambda: ours["float32"].image(pixels),
        "ours, bfloat16": lambda: ours["bfloat16"].image(pixels),
        "OpenVINO, float32": partial(openvino_images(model, "f32", images), pixels),
        "OpenVINO, bfloat16": partial(openvino_images(model, "bf16", images), pixels),
        "ONNX Runtime, float32": partial(onnxruntime_images(model, images), pixels),
    }
    variants = {name: (images * ROUNDS, repeated(work)) for name, work in engines.items()}
    products = {
        name: matrix_products(model.config, SGEMM_IMAGES, CPU, dtype)
        for name, dtype in (("sgemm", torch.float32), ("bfloat16 product", torch.bfloat16))
    }
    with torch.inference_mode():
        found = rates({**products, **variants}, repeats)
    computed = image_gflop(model.config, last_layer_whole=False)
    print(f"\nImages per second without decoding; units for bfloat16: {', '.join(units) or 'none'}")
    print(found.round(2).to_string(index=False))
    limit = found["bfloat16 product"] / computed
    share = Figure(
        name="images: bfloat16 relative to the bfloat16 product's limit",
        values=ratios(found["ours, bfloat16"], limit),
        unit="",
        at_least=0.5 if units else None,
    )
    best = "OpenVINO, bfloat16" if units else "OpenVINO, float32"
    own = "ours, bfloat16" if units else "ours, float32"
    return Findings(
        workload="",
        figures=(
            share,
            Figure(
                name="products: bfloat16 over float32",
                values=ratios(found["bfloat16 product"], found["sgemm"]),
            ),
            Figure(
                name="images: bfloat16 over float32, without decoding",
                values=ratios(found["ours, bfloat16"], found["ours, float32"]),
            ),
            Figure(
                name="images: ours over OpenVINO, without decoding",
                values=ratios(found[own], found[best]),
                at_least=1,
            ),
            Figure(
                name="images: ours over ONNX Runtime, without decoding",
                values=ratios(found[own], found["ONNX Runtime, float32"]),
                at_least=1,
            ),
        ),
        bars=(bars("Images through the tower alone", "images/s", found[list(variants)]),),
        notes=(f"Units for bfloat16 on this processor: {', '.join(units) or 'none'}.",),
    )


def repeated(work: Callable[[], object]) -> Callable[[], None]:
    """Work that takes long enough to be timed."""

    def rounds() -> None:
        for _ in range(ROUNDS):
            work()

    return rounds


def compare_texts(model: RuCLIP, table: pd.DataFrame, repeats: int) -> Findings:
    """Texts in six templates, in each precision, and in one template."""
    titles = table["title"].tolist()
    lengths = [len(row) - 2 for row in tokenize(model.tokenizer, titles)]
    few = titles[: min(len(titles), 16)]
    exact, single = embedder(model), embedder(model, templates="single")
    half, int8 = embedder(model, "bfloat16"), embedder(model, "int8")
    original = partial(baseline.embed_texts, model, few, BATCH_SIZE)
    many = [f"{title} {number}" for number in range(8) for title in titles]
    found = rates(
        {
            "baseline": (len(few), original),
            "float32": (len(titles), lambda: exact.texts(titles)),
            "single": (len(many), lambda: single.texts(many)),
            "bfloat16": (len(titles), lambda: half.texts(titles)),
            "int8": (len(titles), lambda: int8.texts(titles)),
        },
        repeats,
    )
    print(
        f"\nTexts per second, of {min(lengths)} to {max(lengths)} tokens, {mean(lengths):.1f} on "
        "average, without bos and eos"
    )
    print(found.round(2).to_string(index=False))
    print(
        f"float32 {speed_up(found, 'float32')}, bfloat16 {speed_up(found, 'bfloat16')}, "
        f"int8 {speed_up(found, 'int8')}"
    )
    print(f"one template is {speed_up(found, 'single', 'float32')} faster than six; other values")
    reference = original()
    for ours, name in ((exact, "float32"), (half, "bfloat16"), (int8, "int8"), (single, "single")):
        print(f"{name}: {agreement(ours.texts(few), reference)}")
    variants = {"baseline": found["baseline"], "ours, six templates": found["float32"]}
    variants |= {f"ours, {name}": found[name] for name in ("bfloat16", "int8")}
    variants["ours, one template"] = found["single"]
    return Findings(
        workload="",
        figures=(
            against(
                found, "texts: speed-up over the baseline, same values", "float32", "baseline", 7
            ),
            difference("texts: largest difference from the baseline", exact.texts(few), reference),
            against(
                found,
                "texts: speed-up of one template over six, other values",
                "single",
                "float32",
                3,
            ),
        ),
        bars=(bars("Texts embedded", "texts/s", variants),),
        rates={
            "texts per second": float(found["float32"].median()),
            "texts per second, one template": float(found["single"].median()),
        },
        notes=(
            f"Titles have {min(lengths)} to {max(lengths)} tokens, {mean(lengths):.1f} on average.",
            "One template (`templates: single`) gives other values than ruclip.Predictor: here the "
            f"lowest cosine between the two is {lowest_cosine(single.texts(few), reference):.3f}.",
        ),
    )


def compare_query(model: RuCLIP, table: pd.DataFrame) -> Findings:
    """One text at a time, as search asks: in six templates, in one, and the plain way."""
    exact, single = embedder(model), embedder(model, templates="single")
    titles = table["title"].drop_duplicates().tolist()
    ways: dict[str, Callable[[str], object]] = {
        "baseline": lambda title: baseline.embed_texts(model, [title], 1),
        "ours, six templates": lambda title: exact.texts([title]),
        "ours, one template": lambda title: single.texts([title]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for title in titles:
        for name, ask in ways.items():
            begin = time.perf_counter()
            ask(title)
            seconds[name].append(time.perf_counter() - begin)
    medians = {name: 1e3 * median(times) for name, times in seconds.items()}
    print(
        "\nMilliseconds of one text, p50: " + ", ".join(f"{k} {v:.1f}" for k, v in medians.items())
    )
    ours, one = medians["ours, six templates"], medians["ours, one template"]
    return Findings(
        workload="",
        figures=(
            Figure(name="one query: p50 in six templates", values=(ours,), unit="ms"),
            Figure(
                name="one query: speed-up over the baseline",
                values=(medians["baseline"] / ours,),
                at_least=1,
            ),
            Figure(name="one query: six templates over one", values=(ours / one,), at_most=6),
        ),
    )


def compare_rows(model: RuCLIP, table: pd.DataFrame, folder: Path, repeats: int) -> Findings:
    """The whole embed stage: a table in, NPZ and shards out."""
    csv, config = (
        folder / "table.csv",
        EmbedConfig(batch_size=BATCH_SIZE, device="cpu", precision="float32"),
    )
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

    def original() -> None:
        baseline.embed_rows(model, titles, paths, BATCH_SIZE, folder / "baseline.npz")

    found = rates({"baseline": (len(table), original), "ours": (len(table), ours)}, repeats)
    print("\nRows per second, from table and images to files")
    print(found.round(2).to_string(index=False))
    print(speed_up(found, "ours"))
    figures = [
        against(found, "rows: speed-up over the baseline, files to files", "ours", "baseline", 2)
    ]
    with np.load(folder / "baseline.npz") as one, np.load(folder / "ours" / names.npz) as other:
        for name in ("text", "img"):
            print(f"{name}: {agreement(one[name], other[name])}")
            title = f"rows: largest difference from the baseline, {name}"
            figures.append(difference(title, one[name], other[name]))
    return Findings(
        workload="",
        figures=tuple(figures),
        bars=(bars("Rows embedded", "rows/s", found),),
        rates={"rows per second": float(found["ours"].median())},
    )


def main(rows: int = 32, repeats: int = 3, json: Path | None = None) -> None:
    """Print every comparison, round by round."""
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
            compare_engines(model, repeats),
            compare_texts(model, table, repeats),
            compare_query(model, table),
            compare_rows(model, table.head(16), folder, repeats),
        ]
    description = (
        f"{rows} rows, batches of {BATCH_SIZE}: ruclip-vit-base-patch32-384 with random weights, "
        "JPEGs of 900 × 1,200. The baseline is ruclip.Predictor over a DataLoader."
    )
    write_findings(Findings.merged(description, parts), json)


if __name__ == "__main__":
    tyro.cli(main)
