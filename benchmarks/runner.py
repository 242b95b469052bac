"""What Prefect costs per shard on Ray: the same images resized three ways, in shards.

python -m benchmarks.runner              about five minutes on two cores
python -m benchmarks.runner --sizes 100 500 --rounds 1

Threads of this process need no shards. Plain Ray and Prefect's RayTaskRunner do the same shards on
the same workers, in turns. Empty shards, with as many jobs and outcomes but no work, tell Prefect's
cost alone: it is the same for every size and, unlike the difference of two long times, not drowned
by what else the machine does.
"""

import os
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
from benchmarks.results import Figure, Findings, bars, keep, show
from flows.cli import prefect_logs
from tasks.orchestration.local_server import prefect_server
from tasks.orchestration.ray_shards import SHARDS_PER_CPU, shard_map
from vitrina.config import ResizeConfig
from vitrina.execution.shard_map import Shard, ShardMap, ShardResult
from vitrina.images.resize_catalog import BATCH_ROWS
from vitrina.images.resize_index import ResizeOutcome
from vitrina.images.resize_plan import ResizeJob
from vitrina.images.resize_pool import ResizePool, resize_shard

DIFFERENT = 12  # images drawn; the rest repeat them
MOST_SHARDS, EMPTY_SHARDS = 10, 40  # of one measurement

Jobs = list[ResizeJob]
Work = Callable[[Jobs], Sequence[ResizeOutcome]]


def on_plain_ray(
    work: Callable[[Shard], ShardResult], shards: Iterable[Shard], /
) -> Iterator[ShardResult]:
    """As :class:`vitrina.execution.shard_map.ShardMap`, without Prefect."""
    remote: Any = ray.remote(work.func if isinstance(work, partial) else work)
    bound = work.args if isinstance(work, partial) else ()
    ahead = SHARDS_PER_CPU * int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]  # ray leaves it untyped
    given: deque[ray.ObjectRef[ShardResult]] = deque()
    for shard in shards:
        given.append(remote.remote(*bound, shard))
        if len(given) > ahead:
            yield ray.get(given.popleft())
    yield from map(ray.get, given)


def seconds(map_shards: ShardMap, work: Work, shards: Sequence[Jobs]) -> float:
    """How long all shards take."""
    start = time.perf_counter()
    assert sum(map(len, map_shards(work, shards))) == sum(map(len, shards))
    return time.perf_counter() - start


def threads_seconds(places: tuple[UPath, UPath, ResizeConfig], jobs: Jobs) -> float:
    """How long threads of this process take."""
    start = time.perf_counter()
    with ResizePool.open(*places, cores=len(os.sched_getaffinity(0))) as pool:
        assert sum(not outcome.reason for _, outcome in pool.run(jobs)) == len(jobs)
    return time.perf_counter() - start


def draw(folder: Path, images: int) -> Jobs:
    """Write the images."""
    drawn = [photo(seed) for seed in range(DIFFERENT)]
    folder.mkdir()
    jobs = [ResizeJob(str(nm), f"{nm}.jpg", 1) for nm in range(images)]
    for number, job in enumerate(jobs):
        (folder / job.source).write_bytes(drawn[number % DIFFERENT])
    return jobs


class Taken(NamedTuple):
    """Shards of one round, seconds of the work each way, and of one empty shard on Prefect."""

    shards: int
    threads: float
    plain_ray: float
    prefect: float
    empty_shard: float


def measure(folder: Path, images: int, sizes: Sequence[int], rounds: int) -> dict[int, list[Taken]]:
    """The rounds of each size of shards."""
    jobs = draw(folder / "images", images)
    places = UPath(folder / "images"), UPath(folder / "resized"), ResizeConfig()
    work = partial(resize_shard, *places)
    with shard_map("resize", "ray") as on_prefect:
        assert on_prefect is not None
        start = time.perf_counter()
        list(on_prefect(idle, [jobs[:1]]))
        print(f"Ray started and first shard done in {time.perf_counter() - start:.1f} s")
        # The first shards of a worker load the code.
        seconds(on_prefect, work, [jobs[number : number + 1] for number in range(20)])
        threads_seconds(places, jobs[:20])
        found: dict[int, list[Taken]] = {}

        def timed(way: Callable[[], float]) -> float:
            # to replace a file takes longer than to write a new one
            shutil.rmtree(folder / "resized", ignore_errors=True)
            return way()

        for size in sizes:
            some = jobs[: size * MOST_SHARDS]
            shards = [some[at : at + size] for at in range(0, len(some), size)]
            ways = (
                partial(threads_seconds, places, some),
                partial(seconds, on_plain_ray, work, shards),
                partial(seconds, on_prefect, work, shards),
                partial(seconds, on_prefect, idle, [shards[0]] * EMPTY_SHARDS),
            )
            found[size] = []
            for _ in range(rounds):
                threads, plain_ray, prefect, empty = map(timed, ways)
                taken = Taken(len(shards), threads, plain_ray, prefect, empty / EMPTY_SHARDS)
                found[size].append(taken)
                print(f"shards of {size}: {taken}", flush=True)
        return found


def findings(found: dict[int, list[Taken]], images: int) -> Findings:
    """Prefect's part of a shard, and whole runs with and without it."""
    figures, drawn = [], []
    for size, rounds in found.items():
        figures += [
            Figure(
                name=f"Prefect's part of a shard of {size:,} rows",
                values=tuple(one.empty_shard * one.shards / one.threads for one in rounds),
                unit="of its work",
                at_most=0.05 if size == BATCH_ROWS else None,
            ),
            Figure(
                name=f"shards of {size:,} rows: Prefect on Ray to plain Ray, time",
                values=tuple(one.prefect / one.plain_ray for one in rounds),
            ),
        ]
        columns = zip(*(one[1:4] for one in rounds), strict=True)
        ways = dict(zip(("threads", "plain Ray", "Prefect on Ray"), columns, strict=True))
        drawn.append(bars(f"Seconds in shards of {size:,}, less is better", "s", ways))
    empty = [1000 * one.empty_shard for rounds in found.values() for one in rounds]
    figures.append(Figure(name="Prefect's part of any shard", values=tuple(empty), unit="ms"))
    return Findings(
        load=f"{images:,} JPEGs of 900 × 1,200 resized by threads of one process, by Ray alone, "
        "and by Ray through Prefect's task runner, on one machine. Prefect's part is that of "
        f"shards without work. A shard has {BATCH_ROWS:,} rows unless it is set.",
        figures=tuple(figures),
        bars=tuple(drawn),
    )


def main(
    images: int = 4_000,
    sizes: tuple[int, ...] = (1_000, BATCH_ROWS),
    rounds: int = 3,
    json: Path | None = None,
) -> None:
    """Measure within a flow, as the stages do."""
    print(f"{images} JPEGs of 900 × 1,200, {len(os.sched_getaffinity(0))} cores")
    with tempfile.TemporaryDirectory() as folder, prefect_logs(), prefect_server():
        in_flow = flow(name="benchmark", validate_parameters=False)(measure)
        measured = in_flow(Path(folder), images, sizes, rounds)
    found = findings(measured, images)
    show(found)
    keep(found, json)


if __name__ == "__main__":
    tyro.cli(main)
