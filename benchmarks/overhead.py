"""What is paid beside the work: Prefect's part of a run, and cutting the work into shards.

python -m benchmarks.overhead

The demo pipeline runs in process, as a user runs it, with a new PREFECT_HOME (whose database must
first be made) and then with the same one; each run has an output of its own. The overhead is the
whole command less the tasks' own work: Python's start and imports are in it. Then embed_table
embeds the same rows into one output file and into many. A shard of the output is no Prefect task.
A shard has 2,000 rows, as it has unless that is set; a smaller one costs as much.
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
from benchmarks.results import Figure, Findings, bars, keep, show
from benchmarks.stopwatch import UI, Timed, run_pipeline
from vitrina.config import EmbedConfig
from vitrina.embedding.shard import embed_shard, make_embedder
from vitrina.embedding.stored import OutputNames
from vitrina.embedding.table import EmbedRequest, embed_table
from vitrina.model.model import load_folder
from vitrina.model.tiny import make_tiny
from vitrina.model.tokenize import TEMPLATES
from vitrina.store.paths import to_path

IMAGE_SIZE = (288, 384)  # of a resized image
DIFFERENT = 20


def prefects_part(folder: Path, rounds: int, products: int, epochs: int) -> list[Timed]:
    """The demo's command, first with an empty PREFECT_HOME, then ``rounds`` times with that one."""
    found = []
    for turn in range(rounds + 1):
        output = folder / f"output-{turn}"
        arguments = ("--output", output, "--demo_products", products, "--train.num_epochs", epochs)
        found.append(run_pipeline([str(one) for one in arguments], folder / "prefect"))
        shutil.rmtree(output)
    return found


def make_table(folder: Path, rows: int) -> None:
    """A processed table whose rows have each their own title and image hash; a tiny model."""
    folder.mkdir()
    for number in range(DIFFERENT):
        (folder / f"{number}.jpg").write_bytes(photo(number, IMAGE_SIZE, quality=97))
    texts = titles(range(rows))
    table = pd.DataFrame(
        {
            "title": texts,
            "image_path": [str(folder / f"{nm % DIFFERENT}.jpg") for nm in range(rows)],
            "nm": range(rows),
            "image_hash": [str(nm) for nm in range(rows)],  # as if no two were the same
        }
    )
    table.to_parquet(folder / "table.parquet")
    make_tiny([*texts[:100], *TEMPLATES], folder / "tiny")


def embed_seconds(folder: Path, shard_rows: int) -> float:
    """Embed the folder's table into shards of so many rows."""
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


def sharded(folder: Path, rows: int, shards: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each round, into one output file and into ``shards``."""
    make_table(folder / "warm", DIFFERENT)
    embed_seconds(folder / "warm", DIFFERENT)
    make_table(folder / "shop", rows)
    one, many = [], []
    for _ in range(rounds):
        one.append(embed_seconds(folder / "shop", rows))
        many.append(embed_seconds(folder / "shop", -(-rows // shards)))
    return one, many


def findings(
    runs: list[Timed], one: list[float], many: list[float], rows: int, shards: int
) -> Findings:
    """Seconds that Prefect adds, and the part that shards add."""
    first, *later = runs
    added = [wide - narrow for wide, narrow in zip(many, one, strict=True)]
    used, new = "the demo with a used PREFECT_HOME", "the demo with a new PREFECT_HOME"
    ui = [run.own[UI] for run in later]
    return Findings(
        load="The demo pipeline in process, whole command less the tasks' own work. Then "
        f"{rows:,} rows embedded with the tiny model into 1 output file and into {shards}: a shard "
        f"of {rows // shards} rows is {1000 * median(one) / shards:.0f} ms of work.",
        figures=(
            Figure(name=f"added to {used}", values=_overheads(later), unit="s", at_most=15),
            Figure(name=f"added to {new}", values=_overheads([first]), unit="s", at_most=15),
            Figure(
                name="of it starting Python and importing, used PREFECT_HOME",
                values=tuple(run.starting for run in later),
                unit="s",
            ),
            Figure(
                name="of it from the flow's end to the command's, used PREFECT_HOME",
                values=tuple(run.stopping for run in later),
                unit="s",
            ),
            Figure(name="of it artifacts of the UI", values=tuple(ui), unit="s"),
            Figure(
                name="many shards instead of one: added to the work",
                values=tuple(extra / own for extra, own in zip(added, one, strict=True)),
                unit="of the work",
                at_most=0.05,
            ),
            Figure(
                name="added per shard",
                values=tuple(1000 * extra / shards for extra in added),
                unit="ms",
            ),
        ),
        bars=(
            bars(
                "Seconds beside the work, less is better",
                "s",
                {new: _overheads([first]), used: _overheads(later)},
            ),
        ),
        rates={
            "seconds of Prefect": median(_overheads(later)),
            "seconds per shard": median(added) / shards,
        },
    )


def _overheads(runs: list[Timed]) -> tuple[float, ...]:
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
    """Print what was added in each round."""
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        runs = prefects_part(Path(scratch), rounds, products, epochs)
        for run in runs:
            print(
                f"demo: {run.whole:.1f} s = {run.work:.1f} s of work + {run.overhead:.1f} s, of "
                f"them {run.starting:.1f} s before the flow, {run.stopping:.1f} s after it and "
                f"{run.own[UI]:.1f} s for the UI",
                flush=True,
            )
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        one, many = sharded(Path(scratch), rows, shards, shard_rounds)
    found = findings(runs, one, many, rows, shards)
    print(f"{rows:,} rows: {median(one):.2f} s into 1 file, {median(many):.2f} s into {shards}")
    show(found)
    keep(found, json)


if __name__ == "__main__":
    tyro.cli(main)
