"""Duplicates among constructed listings and on the demo: right, found, time and memory.

python -m benchmarks.duplicates                                    25,000 and 100,000 listings
python -m benchmarks.duplicates --rows 3000 12000 --no-with-demo

The plain way is a product of all vectors with all, block by block, keeping what is near. It is
timed on the smaller catalogue: its time grows with the square. Each search runs in a process of its
own, whose peak memory (getrusage) includes the libraries.
"""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import tyro

from benchmarks.constructed import LABELLED, TRUTH, construct
from benchmarks.new_process import MIB, in_new_process, peak_memory
from benchmarks.results import Figure, Findings, Lines, print_figures, write_findings
from benchmarks.stopwatch import run_pipeline
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.config.training import TrainConfig
from vitrina.demo.catalog import Shop
from vitrina.demo.flaws import plan_flaws
from vitrina.duplicates.candidates import near_cosine, near_pairs
from vitrina.duplicates.find import find_duplicates
from vitrina.duplicates.known import Kind
from vitrina.duplicates.pairs import Pairs
from vitrina.duplicates.vectors import Vectors
from vitrina.embedding.vector_file import VectorFile
from vitrina.search.stored_run import find_run
from vitrina.store.paths import to_path

BY_LABELS = DuplicatesConfig(group_column=LABELLED, exact_rows=0)
BY_DEFAULT = DuplicatesConfig(exact_rows=0)
PRECISION = BY_LABELS.precision
PRODUCTS, FLAWS = 900, 0.05  # of the demo
BLOCK = 2_048


class Quality(NamedTuple):
    """What a search found: true precision and recall, and what it said of them itself."""

    seconds: float
    peak: float  # bytes
    precision: float
    precision_similar: float
    recall: float
    said_precision: float
    said_recall: float


def search(folder: Path, config: DuplicatesConfig) -> Quality:
    """Find the duplicates of constructed listings, and judge them by the truth."""
    table = to_path(folder / "table.parquet")
    product = pq.read_table(table.path, columns=[TRUTH]).column(0).to_numpy()
    begin = time.perf_counter()
    found = find_duplicates(table, folder / "embeddings.npz", TrainConfig().split(), config)
    seconds = time.perf_counter() - begin
    pairs, judgement = found.pairs, found.judgement
    right = product[pairs.first] == product[pairs.second]
    return Quality(
        seconds,
        peak_memory(),
        float(right.mean()),
        float(right[pairs.kind == Kind.SIMILAR].mean()),
        float(right.sum() / _true_pairs(product)),
        judgement.similar.precision or 0.0,
        judgement.recall or 0.0,
    )


def _true_pairs(product: np.ndarray) -> int:
    _, count = np.unique(product, return_counts=True)
    return int((count * (count - 1) // 2).sum())


class Compared(NamedTuple):
    """The search for candidates beside the plain way: seconds, and the share of pairs found."""

    plain: float
    ours: float
    share: float


def compare(folder: Path) -> Compared:
    """Time both ways of finding the near pairs among the same listings."""
    vectors = Vectors(VectorFile.open(folder / "embeddings.npz"), (0.5, 0.5))
    rows = np.arange(vectors.file.shape[0])
    floor = near_cosine(vectors, rows)
    begin = time.perf_counter()
    plain = plain_pairs(vectors, rows, floor)
    middle = time.perf_counter()
    ours = near_pairs(vectors, rows, floor, 0)
    end = time.perf_counter()
    share = float(np.isin(plain.keys(), ours.keys()).mean())
    return Compared(middle - begin, end - middle, share)


def plain_pairs(vectors: Vectors, rows: np.ndarray, floor: float) -> Pairs:
    """All near pairs, by products of blocks with all vectors, which are in memory."""
    everything = vectors.read(rows)
    found = []
    for start in range(0, len(rows), BLOCK):
        cosines = everything[start : start + BLOCK] @ everything.T
        one, other = np.nonzero(cosines >= floor)
        found.append(Pairs.of(rows[start + one], rows[other], cosines[one, other]))
    return Pairs.joined(found)


def demo(folder: Path) -> tuple[Figure, ...]:
    """Precision and recall on the demo, where listings of equal goods are duplicates."""
    output = folder / "output"
    options = ("--demo", "--output", str(output), "--skip", "duplicates", "health")
    run_pipeline(options, folder / "home")
    run = find_run(str(output))
    shop = Shop(0, plan_flaws(PRODUCTS, FLAWS, 0))
    goods = {shop.nm(row): str(shop.listing(row).goods) for row in range(PRODUCTS)}
    ids = pq.read_table(run.table().path, columns=["nm"]).column(0).to_pylist()
    _, product = np.unique([goods[nm] for nm in ids], return_inverse=True)
    figures = []
    for label, config in (
        ("by default", DuplicatesConfig()),
        ("brands differ in no pair", DuplicatesConfig(distinct_columns=("brend",))),
    ):
        found = find_duplicates(run.table(), run.npz, TrainConfig().split(), config).pairs
        right = product[found.first] == product[found.second]
        for name, value in (
            ("precision", float(right.mean())),
            ("recall", float(right.sum() / _true_pairs(product))),
        ):
            figures.append(
                Figure(name=f"demo, {label}: {name}", values=(value,), unit="of the pairs")
            )
    return tuple(figures)


def findings(
    by_rows: dict[int, Quality], default: Quality, compared: Compared, of_demo: tuple[Figure, ...]
) -> Findings:
    """Quality of the larger catalogue, memory and time of both."""
    small, large = min(by_rows), max(by_rows)
    best, pairs = by_rows[large], "of the pairs"
    error = abs(best.said_precision - best.precision_similar)
    figures = (
        Figure(
            name="precision, labels of a third", values=(best.precision,), unit=pairs, at_least=0.94
        ),
        Figure(
            name="precision of pairs with another title and image, where 0.95 was asked for",
            values=(best.precision_similar,),
            unit=pairs,
        ),
        Figure(
            name="its difference from the precision told", values=(error,), unit="", at_most=0.04
        ),
        Figure(name="recall, labels of a third", values=(best.recall,), unit=pairs, at_least=0.8),
        Figure(
            name="difference from the recall told",
            values=(abs(best.said_recall - best.recall),),
            unit="",
            at_most=0.04,
        ),
        Figure(
            name="precision without labels", values=(default.precision,), unit=pairs, at_least=0.95
        ),
        Figure(name="recall without labels", values=(default.recall,), unit=pairs),
        Figure(
            name="near pairs found in cells, of all",
            values=(compared.share,),
            unit="",
            at_least=0.99,
        ),
        Figure(
            name="time in cells relative to the plain way", values=(compared.ours / compared.plain,)
        ),
        Figure(
            name="peak memory, larger catalogue relative to the smaller",
            values=(best.peak / by_rows[small].peak,),
            at_most=1.3,
        ),
        Figure(name="time, larger catalogue", values=(best.seconds,), unit="s"),
        *of_demo,
    )
    memory = {rows: quality.peak / MIB for rows, quality in sorted(by_rows.items())}
    return Findings(
        workload=f"{small:,} and {large:,} constructed listings, vectors of 2 × 512 with noise; a "
        "fifth repeats the product of another, half of these with another title and another image, "
        "and each product has 24 variants. An article is known of a third of the products. The "
        "demo's listings of equal goods are duplicates, though titles and images do not always "
        "tell.",
        figures=figures,
        lines=(Lines(title="Peak memory", x="listings", y="MiB", lines={"duplicates": memory}),),
        rates={
            "seconds": best.seconds,
            "rows": large,
            "bytes of memory": best.peak,
            "bytes of memory per row": max(
                0.0, (best.peak - by_rows[small].peak) / (large - small)
            ),
        },
    )


def main(
    rows: tuple[int, int] = (25_000, 100_000), with_demo: bool = True, json: Path | None = None
) -> None:
    """Print quality, time and memory."""
    qualities = {}
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        for count in sorted(rows):
            folder = Path(scratch) / str(count)
            folder.mkdir()
            in_new_process(construct, folder, count)
            qualities[count] = in_new_process(search, folder, BY_LABELS)
            print(f"{count:,} listings: {qualities[count]}", flush=True)
        default = in_new_process(search, Path(scratch) / str(max(rows)), BY_DEFAULT)
        print(f"without labels: {default}", flush=True)
        compared = in_new_process(compare, Path(scratch) / str(min(rows)))
        found = findings(qualities, default, compared, demo(Path(scratch)) if with_demo else ())
    print_figures(found)
    write_findings(found, json)


if __name__ == "__main__":
    tyro.cli(main)
