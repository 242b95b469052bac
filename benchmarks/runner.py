"""Prefect's overhead per shard on Ray: the same images resized in three ways.

python -m benchmarks.runner              about five minutes on two cores
python -m benchmarks.runner --sizes 100 500 --rounds 1

Threads of this process need no shards. Ray alone and Prefect's RayTaskRunner take turns with the
same shards on the same workers. Empty shards, with as many jobs and outcomes but no work, measure
Prefect's overhead alone. It is the same for every shard size, and unlike the difference between two
long times it does not drown in noise.
"""

import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import ray
import tyro
from prefect import flow
from upath import UPath

from benchmarks.photos import idle, photo
from benchmarks.results import Figure, Findings, bars, print_figures, write_findings
from flows.prefect_run import prefect_logs
from tasks.orchestration.local_server import prefect_server
from tasks.orchestration.ray_shards import SHARDS_PER_CPU, shard_map
from vitrina.config.images import ResizeConfig
from vitrina.execution.cpu_count import cpu_count
from vitrina.execution.shard_map import Shard, ShardMap, ShardResult
from vitrina.images.cleaned_rows import BATCH_ROWS
from vitrina.images.resize_index import ResizeOutcome
from vitrina.images.resize_plan import ResizeJob
from vitrina.images.resize_pool import NO_CATALOG, ResizePool, resize_shard

DISTINCT = 12  # images that are drawn; the others are copies of them
MAX_SHARDS, EMPTY_SHARDS = 10, 40  # in one measurement

Jobs = list[ResizeJob]
Work = Callable[[Jobs], Sequence[ResizeOutcome]]


def on_ray_alone(
    work: Callable[[Shard], ShardResult], shards: Iterable[Shard], /
) -> Iterator[ShardResult]:
    """A :class:`vitrina.execution.shard_map.ShardMap` on Ray without Prefect."""
    remote: Any = ray.remote(work.func if isinstance(work, partial) else work)
    bound = work.args if isinstance(work, partial) else ()
    ahead = SHARDS_PER_CPU * int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]  # ray leaves it untyped
    submitted: deque[ray.ObjectRef[ShardResult]] = deque()
    for shard in shards:
        submitted.append(remote.remote(*bound, shard))
        if len(submitted) > ahead:
            yield ray.get(submitted.popleft())
    yield from map(ray.get, submitted)


def seconds(map_shards: ShardMap, work: Work, shards: Sequence[Jobs]) -> float:
    """The seconds that all shards take."""
    start = time.perf_counter()
    assert sum(map(len, map_shards(work, shards))) == sum(map(len, shards))
    return time.perf_counter() - start


def threads_seconds(arguments: tuple[UPath, UPath, ResizeConfig], jobs: Jobs) -> float:
    """The seconds that threads of this process take."""
    start = time.perf_counter()
    with ResizePool.open(*arguments, cores=cpu_count()) as pool:
        assert sum(not outcome.reason for _, outcome in pool.run(jobs)) == len(jobs)
    return time.perf_counter() - start


def draw(folder: Path, images: int) -> Jobs:
    """Write the images; returns their jobs."""
    drawn = [photo(seed) for seed in range(DISTINCT)]
    folder.mkdir()
    jobs = [ResizeJob(str(nm), f"{nm}.jpg", 1) for nm in range(images)]
    for number, job in enumerate(jobs):
        (folder / job.source).write_bytes(drawn[number % DISTINCT])
    return jobs


class Round(NamedTuple):
    """One round: the number of shards, seconds of each variant, and of an empty shard."""

    shards: int
    threads: float
    ray_alone: float
    prefect: float
    empty_shard: float


def measure(folder: Path, images: int, sizes: Sequence[int], rounds: int) -> dict[int, list[Round]]:
    """The rounds for each shard size."""
    jobs = draw(folder / "images", images)
    arguments = UPath(folder / "images"), UPath(folder / "resized"), ResizeConfig()
    work = partial(resize_shard, *arguments, NO_CATALOG)
    with shard_map("resize", "ray") as on_prefect:
        assert on_prefect is not None
        start = time.perf_counter()
        list(on_prefect(idle, [jobs[:1]]))
        print(f"Ray started and computed the first shard in {time.perf_counter() - start:.1f} s")
        # The first shards of a worker import the code.
        seconds(on_prefect, work, [jobs[number : number + 1] for number in range(20)])
        threads_seconds(arguments, jobs[:20])
        found: dict[int, list[Round]] = {}

        def timed(variant: Callable[[], float]) -> float:
            # replacing a file takes longer than writing a new one
            shutil.rmtree(folder / "resized", ignore_errors=True)
            return variant()

        for size in sizes:
            some = jobs[: size * MAX_SHARDS]
            shards = [some[at : at + size] for at in range(0, len(some), size)]
            variants = (
                partial(threads_seconds, arguments, some),
                partial(seconds, on_ray_alone, work, shards),
                partial(seconds, on_prefect, work, shards),
                partial(seconds, on_prefect, idle, [shards[0]] * EMPTY_SHARDS),
            )
            found[size] = []
            for _ in range(rounds):
                threads, ray_alone, prefect, empty = map(timed, variants)
                one = Round(len(shards), threads, ray_alone, prefect, empty / EMPTY_SHARDS)
                found[size].append(one)
                print(f"shards of {size}: {one}", flush=True)
        return found


def findings(found: dict[int, list[Round]], images: int) -> Findings:
    """Prefect's overhead per shard, and whole runs with and without it."""
    figures, charts = [], []
    for size, rounds in found.items():
        figures += [
            Figure(
                name=f"Prefect's overhead for a shard of {size:,} rows",
                values=tuple(one.empty_shard * one.shards / one.threads for one in rounds),
                unit="of its work",
                at_most=0.05 if size == BATCH_ROWS else None,
            ),
            Figure(
                name=f"shards of {size:,} rows: time of Prefect on Ray relative to Ray alone",
                values=tuple(one.prefect / one.ray_alone for one in rounds),
            ),
        ]
        columns = zip(*(one[1:4] for one in rounds), strict=True)
        variants = dict(zip(("threads", "Ray alone", "Prefect on Ray"), columns, strict=True))
        charts.append(bars(f"Time with shards of {size:,} rows, lower is better", "s", variants))
    empty = [1000 * one.empty_shard for rounds in found.values() for one in rounds]
    figures.append(Figure(name="Prefect's overhead per shard", values=tuple(empty), unit="ms"))
    return Findings(
        workload=f"{images:,} JPEGs of 900 × 1,200 resized by threads of one process, by Ray "
        "alone, and by Ray through Prefect's task runner, on one machine. Prefect's overhead is "
        f"measured on shards without work. A shard has {BATCH_ROWS:,} rows by default.",
        figures=tuple(figures),
        bars=tuple(charts),
    )


def main(
    images: int = 4_000,
    sizes: tuple[int, ...] = (1_000, BATCH_ROWS),
    rounds: int = 3,
    json: Path | None = None,
) -> None:
    """Measure in a flow, as in the pipeline."""
    print(f"{images} JPEGs of 900 × 1,200, {cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder, prefect_logs(), prefect_server():
        in_flow = flow(name="benchmark", validate_parameters=False)(measure)
        measured = in_flow(Path(folder), images, sizes, rounds)
    found = findings(measured, images)
    print_figures(found)
    write_findings(found, json)


if __name__ == "__main__":
    tyro.cli(main)
