"""Memory and cost per row of the stages as the table grows, each in a process of its own.

python -m benchmarks.memory                           2,000, 20,000 and 200,000 rows
python -m benchmarks.memory --rows 2000 100000 --stages resize "resize, all done"

The images are small (hard links to 50 JPEGs of 36 × 48), the model is the tiny one, every title
is different, and equally long whatever the table: what is seen is what a row costs beside its
pixels. A process first does the stage on a few rows, which loads what it needs, then on the table.
A small table is done several times, and the smallest again after the largest, for the machine's own
speed changes within minutes. Costs are means: a long run has its share of slow moments, and the
median of short ones has none.
Memory is the most that the process ever held (getrusage), with the libraries. "resize, all done"
finds every image done. "training index" is all that a training holds and does before its first
batch: rows divided by product, order, the cache of decoded pixels.
"""

import functools
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg
import tyro

from benchmarks.results import Figure, Findings, Lines, keep, show
from vitrina.catalog.cleaning import clean_catalog
from vitrina.config import CleanConfig, EmbedConfig, ResizeConfig, TrainConfig
from vitrina.images.resize_catalog import inspect_images, resize_catalog
from vitrina.images.resize_plan import ResizePlanner
from vitrina.results import CleanResult
from vitrina.store.artifacts import Artifact
from vitrina.store.paths import to_path

SIZE = (48, 36)
DIFFERENT = 50
WARM_ROWS = 40  # enough products for a split
ROWS_A_STAGE, MOST_ROUNDS = 20_000, 10  # a table of fewer rows is done several times
MIB = 2**20

Returned = TypeVar("Returned")


def titles(rows: range) -> list[str]:
    """All different up to 10 million rows, with digits as mixed in a few rows as in many."""
    return [f"Платье женское летнее, артикул {nm * 7_654_321 % 10**7:07}" for nm in rows]


def make_shop(folder: Path, rows: int) -> None:
    """A catalogue of one row group, a small image per row, and a tiny model."""
    from vitrina.model.tiny import make_tiny
    from vitrina.model.tokenize import TEMPLATES

    rng = np.random.default_rng(0)
    colours = rng.integers(0, 255, (DIFFERENT, 1, 1, 3), dtype=np.uint8)
    for name in ("images", "different"):
        (folder / name).mkdir(parents=True)
    different = [folder / "different" / f"{number}.jpg" for number in range(DIFFERENT)]
    for path, colour in zip(different, colours, strict=True):
        path.write_bytes(simplejpeg.encode_jpeg(np.tile(colour, (*SIZE, 1))))
    for nm in range(rows):
        os.link(different[nm % DIFFERENT], folder / "images" / f"{nm}.jpg")
    table = {
        "nm": pa.array(range(rows)),
        "title": pa.array(titles(range(rows))),
        "description": pa.array([f"<p>Лёгкое&nbsp;платье {nm}.</p>" * 8 for nm in range(rows)]),
    }
    pq.write_table(pa.table(table), folder / "catalog.parquet", row_group_size=rows)
    make_tiny([*titles(range(DIFFERENT)), *TEMPLATES], folder / "tiny")


# --- the stages: read from the shop's folder, write into ``out`` --------------------------------


def clean(shop: Path, out: Path) -> None:
    """The cleaned table."""
    artifact = Artifact(to_path(out))
    result, _ = clean_catalog(to_path(shop / "catalog.parquet"), artifact, CleanConfig())
    (out / "result.json").write_text(result.model_dump_json(), encoding="utf-8")


def resize(shop: Path, out: Path) -> None:
    """The processed table and its images."""
    cleaned = CleanResult.model_validate_json((shop / "clean" / "result.json").read_bytes())
    planner = ResizePlanner.make(to_path(shop / "images"), to_path(out / "images"), ResizeConfig())
    inspect_images(cleaned, planner)
    resize_catalog(cleaned, planner, Artifact(to_path(out)))


def resize_again(shop: Path, _out: Path) -> None:
    """The same where the images are."""
    resize(shop, shop / "resize")


def embed(shop: Path, out: Path) -> None:
    """NPZ and shards."""
    from vitrina.embedding.shard import embed_shard, make_embedder
    from vitrina.embedding.stored import OutputNames
    from vitrina.embedding.table import EmbedRequest, embed_table
    from vitrina.model.model import load_folder

    config = EmbedConfig(device="cpu")
    work = functools.partial(embed_shard, make_embedder(load_folder(shop / "tiny"), config))
    request = EmbedRequest(
        table=to_path(processed(shop)),
        folder=to_path(out),
        names=OutputNames("embeddings.npz", "embeddings.parquet"),
        settings="benchmark",
        shard_rows=config.shard_rows,
    )
    embed_table(request, functools.partial(map, work))


def training_index(shop: Path, out: Path) -> None:
    """A training up to the order of its first epoch, pixels reserved and none decoded."""
    from vitrina.model.model import load_folder
    from vitrina.training.checkpoints import RunFolder
    from vitrina.training.job import rows_by_split
    from vitrina.training.loop import TrainingLoop, TrainingRun
    from vitrina.training.train import TrainingRequest

    os.environ["VITRINA_CACHE"] = str(out / "cache")
    config = TrainConfig(device="cpu")
    request = TrainingRequest(
        table=str(processed(shop)),
        model=str(shop / "tiny"),
        folder=str(out),
        inputs={},
        config=config,
        project_name="benchmark",
    )
    rows, model = rows_by_split(request), load_folder(shop / "tiny")
    run = TrainingRun(RunFolder(to_path(out), request.key, request.inputs))
    training = TrainingLoop(rows["train"], rows["validation"], model, config, run)
    training.batches.order(0)


def processed(shop: Path) -> Path:
    """The table that resize wrote."""
    return shop / "resize" / "processed_data.parquet"


STAGES: dict[str, Callable[[Path, Path], None]] = {
    "clean": clean,
    "resize": resize,
    "resize, all done": resize_again,
    "embed": embed,
    "training index": training_index,
}
NEEDED = ("clean", "resize")  # by those after them


# --- measuring -----------------------------------------------------------------------------------


class Cost(NamedTuple):
    """Seconds of each round, and the peak memory in bytes after the first; a series per process."""

    series: list[list[float]]
    peak: float

    @property
    def means(self) -> list[float]:
        """Mean seconds of a round, series by series."""
        return [mean(seconds) for seconds in self.series]

    def and_then(self, later: "Cost") -> "Cost":
        """Both, measured one after the other."""
        return Cost(self.series + later.series, min(self.peak, later.peak))


def alone(work: Callable[..., Returned], *arguments: object) -> Returned:
    """What the work returns, done in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def measure_stage(name: str, warm: Path, shop: Path, rounds: int) -> Cost:
    """One stage on a warmed process; the first round's outputs stay for the next stage."""
    stage, seconds, peak = STAGES[name], [], 0.0
    stage(warm, warm / name)
    for turn in range(rounds):
        out = shop / (name if turn == 0 else "again")
        begin = time.perf_counter()
        stage(shop, out)
        seconds.append(time.perf_counter() - begin)
        peak = peak or _peak()
        shutil.rmtree(shop / "again", ignore_errors=True)
    return Cost([seconds], peak)


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def measure(rows: int, stages: Sequence[str]) -> Iterator[tuple[str, Cost]]:
    """Each stage, and those that it needs, on a table of so many rows."""
    rounds = max(1, min(MOST_ROUNDS, ROWS_A_STAGE // rows))
    with tempfile.TemporaryDirectory(prefix="vitrina-bench-") as scratch:
        warm, shop = Path(scratch) / "warm", Path(scratch) / "shop"
        for folder, count in ((warm, WARM_ROWS), (shop, rows)):
            alone(make_shop, folder, count)  # a child's figure starts at what its parent holds
        for name in STAGES:
            if name in stages or name in NEEDED:
                yield name, alone(measure_stage, name, warm, shop, rounds)


def findings(costs: dict[int, dict[str, Cost]]) -> Findings:
    """Growth of memory and of the cost per row from the smallest table to the largest."""
    least, most = min(costs), max(costs)
    figures, rates = [], {}
    for name in costs[least]:
        small, large = costs[least][name], costs[most][name]
        cost = mean(large.means) / most
        growth = tuple(cost / (seconds / least) for seconds in small.means)
        figures.append(
            Figure(
                name=f"{name}: cost per row, largest table to smallest", values=growth, at_most=1.15
            )
        )
        memory = (large.peak / small.peak,)
        figures.append(
            Figure(
                name=f"{name}: peak memory, largest table to smallest", values=memory, at_most=1.3
            )
        )
        rates[f"{name}: rows per second"] = 1 / cost
        rates[f"{name}: bytes of memory per row"] = (large.peak - small.peak) / (most - least)
        rates[f"{name}: bytes of memory at the largest table"] = large.peak
    rates["rows of the largest table"] = most
    names = list(costs[least])
    lines = [
        Lines(
            title="What a row costs as the table grows",
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
    load = (
        f"Tables of {sizes} rows, small images (hard links to {DIFFERENT} JPEGs of 36 × 48), the "
        "tiny model. The smallest table is measured before and after the others. Start-up and "
        "imports are not in the cost; the libraries are in the memory. A cost that falls as the "
        "table grows keeps its goal."
    )
    return Findings(load=load, figures=tuple(figures), lines=tuple(lines), rates=rates)


def main(
    rows: tuple[int, ...] = (2_000, 20_000, 200_000),
    stages: tuple[str, ...] = tuple(STAGES),
    json: Path | None = None,
) -> None:
    """Print peak memory and cost per row of each stage and table, and how both grow."""
    costs: dict[int, dict[str, Cost]] = {}
    sizes = sorted(set(rows))
    for count in [*sizes, sizes[0]]:
        known = costs.setdefault(count, {})
        for name, cost in measure(count, stages):
            known[name] = known[name].and_then(cost) if name in known else cost
            seconds = mean(cost.means)
            print(
                f"{count:>8,} rows  {name:<17} {cost.peak / MIB:6.0f} MiB at most  "
                f"{seconds:7.2f} s {1e6 * seconds / count:8.0f} µs/row  "
                f"({len(cost.series[0])} rounds)",
                flush=True,
            )
    found = findings(costs)
    show(found)
    keep(found, json)


if __name__ == "__main__":
    tyro.cli(main)
