"""Memory and cost per row of the stages as the table grows, each stage in its own process.

python -m benchmarks.memory                           2,000, 20,000 and 200,000 rows
python -m benchmarks.memory --rows 2000 100000 --stages resize "resize, nothing to do"

The images are small (hard links to 50 JPEGs of 36 × 48), the model is tiny, and titles are distinct
and equally long in every table, so this measures the cost of a row besides its pixels. Each process
runs its stage first on a few rows, which imports all modules, then on the table. Small tables are
run several times, and the smallest again after the largest, because the machine's speed changes
within minutes. Costs are means: a long run includes slow moments, which a median of short runs
would leave out. Memory is the peak of the process (getrusage), libraries included. In "resize,
nothing to do" all images are resized already. "training index" is what a training does and holds
before its first batch: the split by product, the order, and the pixel cache without pixels. "clean,
folder of parts" cleans the same rows from a folder of PARTS files of several row groups, as Spark
writes them; "clean" one file with a single row group.
"""

import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
import tyro

from benchmarks.new_process import MIB, in_new_process, peak_memory
from benchmarks.results import Figure, Findings, Lines, print_figures, write_findings
from vitrina.catalog.cleaning import clean_catalog
from vitrina.catalog.parquet_batches import read_schema
from vitrina.config.catalog import CleanConfig
from vitrina.config.embedding import EmbedConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.training import TrainConfig
from vitrina.images.image_folders import ImageFolders
from vitrina.images.inspect_images import inspect_images
from vitrina.images.resize_catalog import resize_catalog
from vitrina.images.resize_plan import ResizePlanner
from vitrina.results import CleanResult
from vitrina.store.artifacts import Artifact
from vitrina.store.paths import to_path

SIZE = (48, 36)
DISTINCT = 50
PARTS = 20
WARM_ROWS = 40  # enough products for a split
MIN_ROWS, MAX_ROUNDS = 20_000, 10  # smaller tables are run until MIN_ROWS rows are done


def titles(rows: range) -> list[str]:
    """Distinct titles for up to 10 million rows; digits vary as much in few rows as in many."""
    return [f"Платье женское летнее, артикул {nm * 7_654_321 % 10**7:07}" for nm in rows]


def make_catalog(folder: Path, rows: int) -> None:
    """Write a catalogue with one row group, a small image per row, and a tiny model."""
    from vitrina.model.tiny import make_tiny
    from vitrina.model.tokenize import TEMPLATES

    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (DISTINCT, 1, 1, 3), dtype=np.uint8)
    for name in ("images", "distinct"):
        (folder / name).mkdir(parents=True)
    distinct = [folder / "distinct" / f"{number}.jpg" for number in range(DISTINCT)]
    for path, colour in zip(distinct, colours, strict=True):
        path.write_bytes(simplejpeg.encode_jpeg(np.tile(colour, (*SIZE, 1))))
    for nm in range(rows):
        os.link(distinct[nm % DISTINCT], folder / "images" / f"{nm}.jpg")
    table = {
        "nm": pa.array(range(rows)),
        "title": pa.array(titles(range(rows))),
        "description": pa.array([f"<p>Лёгкое&nbsp;платье {nm}.</p>" * 8 for nm in range(rows)]),
    }
    pq.write_table(pa.table(table), folder / "catalog.parquet", row_group_size=rows)
    write_parts(pa.table(table), folder / "parts")
    make_tiny([*titles(range(DISTINCT)), *TEMPLATES], folder / "tiny")


def write_parts(table: pa.Table, folder: Path) -> None:
    """Write a table as a folder of PARTS files."""
    folder.mkdir()
    rows = -(-len(table) // PARTS)
    for number in range(PARTS):
        part = table.slice(number * rows, rows)
        pq.write_table(part, folder / f"part-{number:05}.parquet", row_group_size=rows // 4 + 1)
    (folder / "_SUCCESS").touch()


# --- the stages: they read from a catalogue's folder and write into ``out`` ----------------------


def clean(folder: Path, out: Path) -> None:
    """Write the cleaned table."""
    clean_into(out, folder / "catalog.parquet")


def clean_parts(folder: Path, out: Path) -> None:
    """Write the table cleaned from a folder of files."""
    clean_into(out, folder / "parts")


def clean_into(out: Path, catalog: Path) -> None:
    """Clean a catalogue into a folder."""
    result, _ = clean_catalog(to_path(catalog), Artifact(to_path(out)), CleanConfig())
    (out / "result.json").write_text(result.model_dump_json(), encoding="utf-8")


def resize(folder: Path, out: Path) -> None:
    """Write the processed table and its images."""
    cleaned = CleanResult.model_validate_json((folder / "clean" / "result.json").read_bytes())
    folders = ImageFolders(originals=str(folder / "images"), resized=str(out / "images"))
    planner = ResizePlanner.make(folders, ResizeConfig(), read_schema(to_path(cleaned.table)))
    inspect_images(cleaned, planner)
    resize_catalog(cleaned, planner, Artifact(to_path(out)))


def resize_again(folder: Path, _out: Path) -> None:
    """Resize again where all images are resized already."""
    resize(folder, folder / "resize")


def embed(folder: Path, out: Path) -> None:
    """Write the NPZ and its shards."""
    from vitrina.embedding.shard import embed_shard, make_embedder
    from vitrina.embedding.stored import OutputNames
    from vitrina.embedding.table import EmbedRequest, embed_table
    from vitrina.model.model import load_folder

    config = EmbedConfig(device="cpu")
    work = functools.partial(embed_shard, make_embedder(load_folder(folder / "tiny"), config))
    request = EmbedRequest(
        table=to_path(processed(folder)),
        folder=to_path(out),
        names=OutputNames("embeddings.npz", "embeddings.parquet"),
        settings="benchmark",
        shard_rows=config.shard_rows,
    )
    embed_table(request, functools.partial(map, work))


def training_index(folder: Path, out: Path) -> None:
    """Prepare a training up to the order of its first epoch; no image is decoded."""
    from vitrina.model.model import load_folder
    from vitrina.training.checkpoints import RunFolder
    from vitrina.training.job import rows_by_split
    from vitrina.training.loop import TrainingLoop, TrainingRun
    from vitrina.training.request import TrainingRequest

    os.environ["VITRINA_CACHE"] = str(out / "cache")
    config = TrainConfig(device="cpu")
    request = TrainingRequest(
        table=str(processed(folder)),
        model=str(folder / "tiny"),
        folder=str(out),
        inputs={},
        config=config,
        project_name="benchmark",
    )
    rows, model = rows_by_split(request), load_folder(folder / "tiny")
    run = TrainingRun(RunFolder(to_path(out), request.key, request.inputs))
    training = TrainingLoop(rows["train"], rows["validation"], model, config, run)
    training.batches.order(0)


def processed(folder: Path) -> Path:
    """The path of the table that resize wrote."""
    return folder / "resize" / "processed_data.parquet"


STAGES: dict[str, Callable[[Path, Path], None]] = {
    "clean": clean,
    "clean, folder of parts": clean_parts,
    "resize": resize,
    "resize, nothing to do": resize_again,
    "embed": embed,
    "training index": training_index,
}
NEEDED = ("clean", "resize")  # by the stages after them


# --- measuring -----------------------------------------------------------------------------------


class Cost(NamedTuple):
    """Seconds of each round, a series per process, and peak memory in bytes after round one."""

    series: list[list[float]]
    peak: float

    @property
    def means(self) -> list[float]:
        """The mean seconds of a round, per series."""
        return [mean(seconds) for seconds in self.series]

    def merged(self, later: "Cost") -> "Cost":
        """This cost and one measured later, as one."""
        return Cost(self.series + later.series, min(self.peak, later.peak))


def measure_stage(name: str, warm: Path, folder: Path, rounds: int) -> Cost:
    """Measure one stage after a small run; the next stage reads the outputs of the first round."""
    stage, seconds, peak = STAGES[name], [], 0.0
    stage(warm, warm / name)
    for number in range(rounds):
        out = folder / (name if number == 0 else "again")
        begin = time.perf_counter()
        stage(folder, out)
        seconds.append(time.perf_counter() - begin)
        peak = peak or peak_memory()
        shutil.rmtree(folder / "again", ignore_errors=True)
    return Cost([seconds], peak)


def measure(rows: int, stages: Sequence[str]) -> Iterator[tuple[str, Cost]]:
    """The costs of the stages, and of those they need, on a table of ``rows`` rows."""
    rounds = max(1, min(MAX_ROUNDS, MIN_ROWS // rows))
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        warm, folder = Path(scratch) / "warm", Path(scratch) / "catalog"
        for target, count in ((warm, WARM_ROWS), (folder, rows)):
            # In a new process too: a child's peak starts at its parent's memory.
            in_new_process(make_catalog, target, count)
        for name in STAGES:
            if name in stages or name in NEEDED:
                yield name, in_new_process(measure_stage, name, warm, folder, rounds)


def findings(costs: dict[int, dict[str, Cost]]) -> Findings:
    """The growth of memory and of cost per row from the smallest table to the largest."""
    smallest, largest = min(costs), max(costs)
    figures, rates = [], {}
    for name in costs[smallest]:
        small, large = costs[smallest][name], costs[largest][name]
        cost = mean(large.means) / largest
        growth = tuple(cost / (seconds / smallest) for seconds in small.means)
        figures.append(
            Figure(
                name=f"{name}: cost per row, largest table relative to the smallest",
                values=growth,
                at_most=1.15,
            )
        )
        memory = (large.peak / small.peak,)
        figures.append(
            Figure(
                name=f"{name}: peak memory, largest table relative to the smallest",
                values=memory,
                at_most=1.3,
            )
        )
        rates[f"{name}: rows per second"] = 1 / cost
        rates[f"{name}: bytes of memory per row"] = (large.peak - small.peak) / (largest - smallest)
        rates[f"{name}: bytes of memory at the largest table"] = large.peak
    rates["rows of the largest table"] = largest
    names = list(costs[smallest])
    lines = [
        Lines(
            title="Cost per row as the table grows",
            x="rows",
            y="µs per row",
            lines={
                name: {rows: 1e6 * mean(found[name].means) / rows for rows, found in costs.items()}
                for name in names
            },
        ),
        Lines(
            title="Peak memory as the table grows",
            x="rows",
            y="MiB",
            lines={
                name: {rows: found[name].peak / MIB for rows, found in costs.items()}
                for name in names
            },
        ),
    ]
    sizes = ", ".join(f"{rows:,}" for rows in costs)
    workload = (
        f"Tables of {sizes} rows, small images (hard links to {DISTINCT} JPEGs of 36 × 48), the "
        "tiny model. The smallest table is measured before and after the others. The cost excludes "
        "start-up and imports; the memory includes the libraries. A cost that falls as the table "
        "grows meets its goal."
    )
    return Findings(workload=workload, figures=tuple(figures), lines=tuple(lines), rates=rates)


def main(
    rows: tuple[int, ...] = (2_000, 20_000, 200_000),
    stages: tuple[str, ...] = tuple(STAGES),
    json: Path | None = None,
) -> None:
    """Print peak memory and cost per row of each stage and table, and their growth."""
    costs: dict[int, dict[str, Cost]] = {}
    sizes = sorted(set(rows))
    for count in [*sizes, sizes[0]]:
        known = costs.setdefault(count, {})
        for name, cost in measure(count, stages):
            known[name] = known[name].merged(cost) if name in known else cost
            seconds = mean(cost.means)
            print(
                f"{count:>8,} rows  {name:<22} {cost.peak / MIB:6.0f} MiB peak  "
                f"{seconds:7.2f} s {1e6 * seconds / count:8.0f} µs/row  "
                f"({len(cost.series[0])} rounds)",
                flush=True,
            )
    found = findings(costs)
    print_figures(found)
    write_findings(found, json)


if __name__ == "__main__":
    tyro.cli(main)
