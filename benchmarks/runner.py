"""What Prefect costs per shard on Ray: the same pictures resized three ways, in shards.

python -m benchmarks.runner              about four minutes on two cores
python -m benchmarks.runner --sizes 100 2000 --rounds 3

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
from statistics import median

import ray
import tyro
from prefect import flow
from upath import UPath

from benchmarks.photos import idle, photo
from flows.cli import quiet_prefect
from tasks.config import ResizeConfig
from tasks.picture_index import Outcome
from tasks.picture_plan import Job
from tasks.picture_pool import PicturePool, resize_shard
from tasks.runner import SHARDS_PER_CPU, shard_map
from tasks.shards import MapShards

DIFFERENT = 12  # pictures drawn; the rest repeat them
MOST_SHARDS, EMPTY_SHARDS = 10, 40  # of one measurement

Jobs = list[Job]
Work = Callable[[Jobs], Sequence[Outcome]]


def on_plain_ray(work: Work, shards: Iterable[Jobs]) -> Iterator[Sequence[Outcome]]:
    """As :class:`tasks.shards.MapShards`, without Prefect."""
    remote = ray.remote(work.func if isinstance(work, partial) else work)
    bound = work.args if isinstance(work, partial) else ()
    ahead = SHARDS_PER_CPU * int(ray.cluster_resources()["CPU"])
    given: deque[ray.ObjectRef] = deque()
    for shard in shards:
        given.append(remote.remote(*bound, shard))
        if len(given) > ahead:
            yield ray.get(given.popleft())
    yield from map(ray.get, given)


def seconds(map_shards: MapShards, work: Work, shards: Sequence[Jobs]) -> float:
    """How long all shards take."""
    start = time.perf_counter()
    assert sum(map(len, map_shards(work, shards))) == sum(map(len, shards))
    return time.perf_counter() - start


def threads_seconds(places: tuple[UPath, UPath, ResizeConfig], jobs: Jobs) -> float:
    """How long threads of this process take."""
    start = time.perf_counter()
    with PicturePool.open(*places, cores=len(os.sched_getaffinity(0))) as pool:
        assert sum(not outcome.reason for _, outcome in pool.carry_out(jobs)) == len(jobs)
    return time.perf_counter() - start


def draw(folder: Path, pictures: int) -> Jobs:
    """Write the pictures."""
    drawn = [photo(seed) for seed in range(DIFFERENT)]
    folder.mkdir()
    jobs = [Job(str(nm), f"{nm}.jpg", 1) for nm in range(pictures)]
    for number, job in enumerate(jobs):
        (folder / job.source).write_bytes(drawn[number % DIFFERENT])
    return jobs


def measure(folder: Path, pictures: int, sizes: Sequence[int], rounds: int) -> None:
    """Print a line for each size."""
    jobs = draw(folder / "images", pictures)
    places = UPath(folder / "images"), UPath(folder / "resized"), ResizeConfig()
    work = partial(resize_shard, *places)
    with shard_map("resize", "ray") as on_prefect:
        assert on_prefect is not None
        start = time.perf_counter()
        list(on_prefect(idle, [jobs[:1]]))
        print(f"Ray started and first shard done in {time.perf_counter() - start:.1f} s")
        # The first shards of a worker load the code.
        warm = [jobs[number : number + 1] for number in range(20)]
        seconds(on_prefect, work, warm)
        threads_seconds(places, jobs[:20])
        print(f"{'':>6} {'':>7}  seconds, median of {rounds}             per shard, ms   Prefect's")
        print("  size  shards   threads plain Ray   Prefect   empty shard   of threads    share")
        for size in sizes:
            some = jobs[: size * MOST_SHARDS]
            shards = [some[at : at + size] for at in range(0, len(some), size)]
            ways = (
                partial(threads_seconds, places, some),
                partial(seconds, on_plain_ray, work, shards),
                partial(seconds, on_prefect, work, shards),
                partial(seconds, on_prefect, idle, [shards[0]] * EMPTY_SHARDS),
            )
            found: list[list[float]] = []
            for _ in range(rounds):
                found.append([])
                for way in ways:
                    # to replace a file takes longer than to write a new one
                    shutil.rmtree(folder / "resized", ignore_errors=True)
                    found[-1].append(way())
            threads, plain, prefect, empty = (median(times) for times in zip(*found, strict=True))
            own, empty = threads / len(shards), empty / EMPTY_SHARDS
            print(
                f"{size:6} {len(shards):7} {threads:9.2f} {plain:9.2f} {prefect:9.2f} "
                f"{1000 * empty:13.0f} {1000 * own:12.0f} {empty / own:8.1%}",
                flush=True,
            )


def main(pictures: int = 2_000, sizes: tuple[int, ...] = (1, 500, 1_000), rounds: int = 1) -> None:
    """Measure within a flow, as the stages do."""
    print(f"{pictures} JPEGs of 900 × 1,200, {len(os.sched_getaffinity(0))} cores")
    with tempfile.TemporaryDirectory() as folder, quiet_prefect():
        flow(measure, name="benchmark", validate_parameters=False)(
            Path(folder), pictures, sizes, rounds
        )


if __name__ == "__main__":
    tyro.cli(main)
