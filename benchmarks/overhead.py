"""Overhead: of Prefect in a run of the pipeline, and of splitting an embedding into shards.

python -m benchmarks.overhead

The demo pipeline runs in process, as a user runs it: first with a new PREFECT_HOME, whose database
must be created, then with the same one. Each run has its own output. The overhead is the whole
command minus the tasks' own work; it includes Python's start and imports. Then embed_table embeds
the same rows into one shard and into several. These shards are files, not Prefect tasks. They have
the default size of 2,000 rows; the overhead of a smaller shard is the same.
"""

import functools
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import pandas as pd
import tyro

from benchmarks.memory import titles
from benchmarks.photos import photo
from benchmarks.results import Figure, Findings, bars, print_figures, write_findings
from benchmarks.stopwatch import UI, PipelineTiming, run_pipeline
from vitrina.config.embedding import EmbedConfig
from vitrina.embedding.shard import embed_shard, make_embedder
from vitrina.embedding.stored import OutputNames
from vitrina.embedding.table import EmbedRequest, embed_table
from vitrina.model.model import load_folder
from vitrina.model.tiny import make_tiny
from vitrina.model.tokenize import TEMPLATES
from vitrina.store.paths import to_path

IMAGE_SIZE = (288, 384)  # of a resized image
DISTINCT = 20


def time_pipeline(folder: Path, rounds: int, products: int, epochs: int) -> list[PipelineTiming]:
    """Time the demo with a new PREFECT_HOME, then ``rounds`` times with the same one."""
    found = []
    for number in range(rounds + 1):
        output = folder / f"output-{number}"
        arguments: list[object] = ["--demo", "--output", output, "--demo_products", products]
        arguments += ["--train.num_epochs", epochs]
        found.append(run_pipeline(list(map(str, arguments)), folder / "prefect"))
        shutil.rmtree(output)
    return found


def make_table(folder: Path, rows: int) -> None:
    """Write a tiny model, and a processed table with a distinct title and image hash per row."""
    folder.mkdir()
    for number in range(DISTINCT):
        (folder / f"{number}.jpg").write_bytes(photo(number, IMAGE_SIZE, quality=97))
    texts = titles(range(rows))
    table = pd.DataFrame(
        {
            "title": texts,
            "image_path": [str(folder / f"{nm % DISTINCT}.jpg") for nm in range(rows)],
            "nm": range(rows),
            "image_hash": [str(nm) for nm in range(rows)],  # as if all images were distinct
        }
    )
    table.to_parquet(folder / "table.parquet")
    make_tiny([*texts[:100], *TEMPLATES], folder / "tiny")


def embed_seconds(folder: Path, shard_rows: int) -> float:
    """The seconds that embedding the folder's table into shards of ``shard_rows`` rows takes."""
    request = EmbedRequest(
        table=to_path(folder / "table.parquet"),
        folder=to_path(folder / "out"),
        names=OutputNames("embeddings.npz", "embeddings.parquet"),
        settings="benchmark",
        shard_rows=shard_rows,
    )
    embedder = make_embedder(load_folder(folder / "tiny"), EmbedConfig(device="cpu"))
    begin = time.perf_counter()
    embed_table(request, functools.partial(map, functools.partial(embed_shard, embedder)))
    seconds = time.perf_counter() - begin
    shutil.rmtree(folder / "out")
    return seconds


def time_shards(
    folder: Path, rows: int, shards: int, rounds: int
) -> tuple[list[float], list[float]]:
    """The seconds of each round with one shard, and with ``shards`` shards."""
    make_table(folder / "warm", DISTINCT)
    embed_seconds(folder / "warm", DISTINCT)
    make_table(folder / "table", rows)
    one, many = [], []
    for _ in range(rounds):
        one.append(embed_seconds(folder / "table", rows))
        many.append(embed_seconds(folder / "table", -(-rows // shards)))
    return one, many


def findings(
    runs: list[PipelineTiming], one: list[float], many: list[float], rows: int, shards: int
) -> Findings:
    """The overhead of Prefect in seconds, and that of shards relative to the work."""
    first, *later = runs
    added = [split - single for split, single in zip(many, one, strict=True)]
    existing, new = "existing PREFECT_HOME", "new PREFECT_HOME"
    ui = [run.by_task[UI] for run in later]
    return Findings(
        workload="The demo pipeline in process: the whole command minus the tasks' own work. Then "
        f"{rows:,} rows embedded with the tiny model into 1 shard and into {shards}: a shard "
        f"of {rows // shards} rows is {1000 * median(one) / shards:.0f} ms of work.",
        figures=(
            Figure(
                name=f"overhead of the demo, {existing}",
                values=_overheads(later),
                unit="s",
                at_most=15,
            ),
            Figure(
                name=f"overhead of the demo, {new}",
                values=_overheads([first]),
                unit="s",
                at_most=15,
            ),
            Figure(
                name=f"part of it: Python's start and imports, {existing}",
                values=tuple(run.starting for run in later),
                unit="s",
            ),
            Figure(
                name=f"part of it: from the end of the flow to the end of the command, {existing}",
                values=tuple(run.stopping for run in later),
                unit="s",
            ),
            Figure(name="part of it: artifacts for the UI", values=tuple(ui), unit="s"),
            Figure(
                name="many shards instead of one: extra time",
                values=tuple(extra / own for extra, own in zip(added, one, strict=True)),
                unit="of the work",
                at_most=0.05,
            ),
            Figure(
                name="extra time per shard",
                values=tuple(1000 * extra / shards for extra in added),
                unit="ms",
            ),
        ),
        bars=(
            bars(
                "Overhead, lower is better",
                "s",
                {
                    f"demo, {new}": _overheads([first]),
                    f"demo, {existing}": _overheads(later),
                },
            ),
        ),
        rates={
            "seconds of overhead": median(_overheads(later)),
            "seconds per shard": median(added) / shards,
        },
    )


def _overheads(runs: list[PipelineTiming]) -> tuple[float, ...]:
    return tuple(run.overhead for run in runs)


def main(
    rounds: int = 3,
    products: int = 400,
    epochs: int = 2,
    rows: int = 8_000,
    shards: int = 4,
    shard_rounds: int = 6,
    json: Path | None = None,
) -> None:
    """Print the overhead of each round."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        runs = time_pipeline(Path(scratch), rounds, products, epochs)
        for run in runs:
            print(
                f"demo: {run.total:.1f} s = {run.work:.1f} s work + {run.overhead:.1f} s overhead "
                f"({run.starting:.1f} s before the flow, {run.stopping:.1f} s after it, "
                f"{run.by_task[UI]:.1f} s for UI artifacts)",
                flush=True,
            )
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        one, many = time_shards(Path(scratch), rows, shards, shard_rounds)
    found = findings(runs, one, many, rows, shards)
    print(f"{rows:,} rows: {median(one):.2f} s into 1 shard, {median(many):.2f} s into {shards}")
    print_figures(found)
    write_findings(found, json)


if __name__ == "__main__":
    tyro.cli(main)
