"""Resizing many images at a time, in threads: the JPEG library and the filter leave Python.

Or in shards, wherever these are worked on.
"""

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Semaphore
from typing import Self

from upath import UPath

from vitrina.config import ResizeConfig
from vitrina.errors import UserError
from vitrina.execution.cpu_count import cpu_count
from vitrina.execution.shard_map import ShardMap
from vitrina.images.resize_image import RejectedImageError, resize_image
from vitrina.images.resize_index import ResizeOutcome, hash_image
from vitrina.images.resize_plan import UNSEEN, ResizeJob, ResizePlanner, target_name
from vitrina.store.files import read_bytes, write_bytes
from vitrina.store.paths import is_local

# On S3 an image waits for two requests, many times as long as it is computed.
S3_THREADS_PER_CORE, MOST_S3_THREADS = 16, 64

Plan = Sequence[ResizeJob | ResizeOutcome]
Steps = Iterator[tuple[int, ResizeOutcome]]


@dataclass(frozen=True)
class Resizer:
    """Reads, resizes and writes one image; ``decoding`` bounds how many are in memory."""

    originals: UPath
    resized: UPath
    config: ResizeConfig
    decoding: Semaphore

    def __call__(self, job: ResizeJob) -> ResizeOutcome:
        """What became of the image. What the store cannot do at present is raised."""
        try:
            data = read_bytes(self.originals / job.source)
        except UserError as error:
            return ResizeOutcome(job.nm, UNSEEN, 0, "", self._unread(error))
        try:
            with self.decoding:
                jpeg = resize_image(data, self.config)
        except RejectedImageError as error:
            return ResizeOutcome(job.nm, job.stamp, 0, "", error.reason)
        write_bytes(self.resized / target_name(job.nm), jpeg)
        return ResizeOutcome(job.nm, job.stamp, len(jpeg), hash_image(jpeg), "")

    def _unread(self, error: UserError) -> str:
        if isinstance(error.__cause__, FileNotFoundError):
            return "missing_image"  # removed since the listing
        if isinstance(error.__cause__, PermissionError) and is_local(self.originals):
            return "unreadable_image"  # on S3 it is the bucket that is denied, not one image
        raise error


@dataclass(frozen=True)
class ResizePool:
    """Threads that carry out plans."""

    resizer: Resizer
    threads: ThreadPoolExecutor

    @classmethod
    @contextmanager
    def open(
        cls, originals: UPath, resized: UPath, config: ResizeConfig, cores: int
    ) -> Iterator[Self]:
        """A pool of as many threads as the cores and the places of the images call for."""
        local = is_local(originals) and is_local(resized)
        chosen = cores if local else min(S3_THREADS_PER_CORE * cores, MOST_S3_THREADS)
        count = config.threads or chosen
        decoding = Semaphore(min(count, cores))
        threads = ThreadPoolExecutor(count, "resize")
        try:
            with warnings.catch_warnings():
                # max_pixels counts pixels, and broken EXIF is no news.
                warnings.filterwarnings("ignore", module="PIL")
                yield cls(Resizer(originals, resized, config, decoding), threads)
        finally:
            threads.shutdown(cancel_futures=True)

    def run(self, plan: Plan) -> Steps:
        """Each step of the plan, by its number, with its outcome, as soon as that is known.

        Raises the first error that is not an image's own.
        """
        jobs: dict[Future[ResizeOutcome], int] = {}
        for number, step in enumerate(plan):
            if isinstance(step, ResizeJob):
                jobs[self.threads.submit(self.resizer, step)] = number
            else:
                yield number, step
        for job in as_completed(jobs):
            yield jobs[job], job.result()


@contextmanager
def open_runner(
    planner: ResizePlanner, map_shards: ShardMap | None
) -> Iterator[Callable[[Iterable[Plan]], Iterator[Steps]]]:
    """How to carry out plans, in their order: in this process, or their jobs as shards."""
    places = planner.originals, planner.resized, planner.config
    if map_shards is None:
        with ResizePool.open(*places, cpu_count()) as pool:
            yield partial(map, pool.run)
    else:
        yield partial(_in_shards, map_shards, partial(resize_shard, *places))


def _in_shards(
    map_shards: ShardMap,
    work: Callable[[Sequence[ResizeJob]], list[ResizeOutcome]],
    plans: Iterable[Plan],
) -> Iterator[Steps]:
    planned: deque[tuple[Plan, bool]] = deque()

    def shards() -> Iterator[list[ResizeJob]]:
        for plan in plans:
            jobs = [step for step in plan if isinstance(step, ResizeJob)]
            planned.append((plan, bool(jobs)))
            if jobs:  # a plan with nothing to do is no shard
                yield jobs

    for made in map_shards(work, shards()):
        plan, has_jobs = planned.popleft()
        while not has_jobs:
            yield _steps(plan, ())
            plan, has_jobs = planned.popleft()
        yield _steps(plan, made)
    yield from (_steps(plan, ()) for plan, _ in planned)


def _steps(plan: Plan, outcomes: Iterable[ResizeOutcome]) -> Steps:
    """The plan's steps by number, its jobs replaced by their outcomes."""
    done = iter(outcomes)
    return enumerate([next(done) if isinstance(step, ResizeJob) else step for step in plan])


def resize_shard(
    originals: UPath, resized: UPath, config: ResizeConfig, jobs: Sequence[ResizeJob]
) -> list[ResizeOutcome]:
    """The outcome of each job, in their order, on one core: what a worker of a cluster does."""
    with ResizePool.open(originals, resized, config, cores=1) as pool:
        outcomes = dict(pool.run(jobs))
    return [outcomes[number] for number in range(len(jobs))]
