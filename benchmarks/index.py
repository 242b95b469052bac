"""The index of constructed listings: time, memory and size as the catalogue grows.

python -m benchmarks.index                      25,000 and 100,000 listings
python -m benchmarks.index --rows 3000 12000

Each index is built in a process of its own, whose peak memory includes the libraries but not the
pages of the NPZ and of the table that are mapped, which the system takes back when it needs memory;
then brought to the same run again, where only the keys of the rows are compared. The weight of the
image is given: choosing it needs a model.
"""

import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import tyro

from benchmarks.constructed import construct
from benchmarks.new_process import MIB, in_new_process, with_own_memory
from benchmarks.results import Figure, Findings, Lines, print_figures, write_findings
from benchmarks.vector_shards import write_shards
from vitrina.config.index import IndexConfig
from vitrina.embedding.npz_reader import memory_map
from vitrina.index.build import IndexRequest, build_index
from vitrina.index.vectors import RunVectors
from vitrina.index.weight import WeightChoice
from vitrina.results import IndexResult
from vitrina.store.paths import to_path

CONFIG = IndexConfig(image_weight=0.5, exact_below=1_000)


class Built(NamedTuple):
    """What an index has cost."""

    seconds: float
    again: float  # seconds of the second run, in which nothing has changed
    peak: float  # bytes of memory, without mapped files
    size: float  # bytes on disk
    recall: float  # at 10, of approximate search in product vectors


def make_run(folder: Path, rows: int) -> None:
    """Write the table, the NPZ and the shards of constructed listings."""
    made = construct(folder, rows)
    text, img = (memory_map(made.npz, name) for name in ("text", "img"))
    keys = [f"{row:040}" for row in range(rows)]
    write_shards(to_path(folder / "shards"), text, img, keys, keys)


def build(folder: Path) -> Built:
    """Build the index of a folder's run, then bring it to the same run again."""
    shards = [to_path(path) for path in sorted((folder / "shards").iterdir())]
    vectors, path = RunVectors(shards, to_path(folder / "embeddings.npz")), folder / "index.lance"
    table = to_path(folder / "table.parquet")

    def run(previous: IndexResult | None) -> tuple[IndexResult, float]:
        request = IndexRequest(table, vectors, to_path(path), CONFIG, previous)
        begin = time.perf_counter()
        result = build_index(request, lambda: WeightChoice(0.5, {}))
        return result, time.perf_counter() - begin

    (first, seconds), peak = with_own_memory(lambda: run(None))
    second, again = run(first)
    assert second.rows_written == 0
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return Built(seconds, again, peak, size, first.approximate["product"].recall_at_10)


def findings(by_rows: dict[int, Built]) -> Findings:
    """Cost of a row in both catalogues, and what a larger one can be estimated from."""
    small, large = min(by_rows), max(by_rows)
    less, more = by_rows[small], by_rows[large]
    figures = (
        Figure(
            name="cost per row, larger catalogue relative to the smaller",
            values=((more.seconds / large) / (less.seconds / small),),
            at_most=1.5,
        ),
        Figure(name="time, larger catalogue", values=(more.seconds,), unit="s"),
        Figure(
            name="time where nothing has changed, relative to the first",
            values=(more.again / more.seconds,),
            at_most=0.5,
        ),
        Figure(name="size", values=(more.size / large,), unit="bytes/listing"),
        Figure(
            name="recall@10 of approximate search", values=(more.recall,), unit="", at_least=0.99
        ),
    )
    memory = {rows: built.peak / MIB for rows, built in sorted(by_rows.items())}
    return Findings(
        workload=f"{small:,} and {large:,} constructed listings with three vectors of 512 each.",
        figures=figures,
        lines=(Lines(title="Peak memory", x="listings", y="MiB", lines={"index": memory}),),
        rates={
            "rows per second": large / more.seconds,
            "rows per second, nothing changed": large / more.again,
            "bytes of a row": more.size / large,
            "rows": large,
            "bytes of memory": more.peak,
            "bytes of memory per row": max(0.0, (more.peak - less.peak) / (large - small)),
        },
    )


def main(rows: tuple[int, int] = (25_000, 100_000), json: Path | None = None) -> None:
    """Print time, memory and size."""
    by_rows = {}
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        for count in sorted(rows):
            folder = Path(scratch) / str(count)
            folder.mkdir()
            in_new_process(make_run, folder, count)
            by_rows[count] = in_new_process(build, folder)
            print(f"{count:,} listings: {by_rows[count]}", flush=True)
    found = findings(by_rows)
    print_figures(found)
    write_findings(found, json)


if __name__ == "__main__":
    tyro.cli(main)
