"""Resizing many pictures at a time, in threads: the JPEG library and the filter leave Python.

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
from vitrina.execution.cpu_count import _cores
from vitrina.execution.shard_map import MapShards
from vitrina.images.resize_image import RejectedPictureError, shrink
from vitrina.images.resize_index import Outcome, hash_picture
from vitrina.images.resize_plan import UNSEEN, Job, Survey, target_name
from vitrina.store.files import read_bytes, write_bytes
from vitrina.store.paths import is_local

# On S3 a picture waits for two requests, many times as long as it is computed.
S3_THREADS_PER_CORE, MOST_S3_THREADS = 16, 64

Plan = Sequence[Job | Outcome]
Steps = Iterator[tuple[int, Outcome]]


@dataclass(frozen=True)
class Resizer:
    """Reads, resizes and writes one picture; ``decoding`` bounds how many are in memory."""

    images: UPath
    pictures: UPath
    config: ResizeConfig
    decoding: Semaphore

    def __call__(self, job: Job) -> Outcome:
        """What became of the picture. What the store cannot do at present is raised."""
        try:
            data = read_bytes(self.images / job.source)
        except UserError as error:
            return Outcome(job.nm, UNSEEN, 0, "", self._unread(error))
        try:
            with self.decoding:
                jpeg = shrink(data, self.config)
        except RejectedPictureError as error:
            return Outcome(job.nm, job.stamp, 0, "", error.reason)
        write_bytes(self.pictures / target_name(job.nm), jpeg)
        return Outcome(job.nm, job.stamp, len(jpeg), hash_picture(jpeg), "")

    def _unread(self, error: UserError) -> str:
        if isinstance(error.__cause__, FileNotFoundError):
            return "missing_picture"  # removed since the listing
        if isinstance(error.__cause__, PermissionError) and is_local(self.images):
            return "unreadable_picture"  # on S3 it is the bucket that is denied, not one picture
        raise error


@dataclass(frozen=True)
class PicturePool:
    """Threads that carry out plans."""

    resizer: Resizer
    threads: ThreadPoolExecutor

    @classmethod
    @contextmanager
    def open(
        cls, images: UPath, pictures: UPath, config: ResizeConfig, cores: int
    ) -> Iterator[Self]:
        """A pool of as many threads as the cores and the places of the pictures call for."""
        local = is_local(images) and is_local(pictures)
        chosen = cores if local else min(S3_THREADS_PER_CORE * cores, MOST_S3_THREADS)
        count = config.threads or chosen
        decoding = Semaphore(min(count, cores))
        threads = ThreadPoolExecutor(count, "resize")
        try:
            with warnings.catch_warnings():
                # max_pixels counts pixels, and broken EXIF is no news.
                warnings.filterwarnings("ignore", module="PIL")
                yield cls(Resizer(images, pictures, config, decoding), threads)
        finally:
            threads.shutdown(cancel_futures=True)

    def carry_out(self, plan: Plan) -> Steps:
        """Each step of the plan, by its number, with its outcome, as soon as that is known.

        Raises the first error that is not a picture's own.
        """
        jobs: dict[Future[Outcome], int] = {}
        for number, step in enumerate(plan):
            if isinstance(step, Job):
                jobs[self.threads.submit(self.resizer, step)] = number
            else:
                yield number, step
        for job in as_completed(jobs):
            yield jobs[job], job.result()


@contextmanager
def carrying_out(
    survey: Survey, map_shards: MapShards | None
) -> Iterator[Callable[[Iterable[Plan]], Iterator[Steps]]]:
    """How to carry out plans, in their order: in this process, or their jobs as shards."""
    places = survey.images, survey.pictures, survey.config
    if map_shards is None:
        with PicturePool.open(*places, _cores()) as pool:
            yield partial(map, pool.carry_out)
    else:
        yield partial(_in_shards, map_shards, partial(resize_shard, *places))


def _in_shards(
    map_shards: MapShards,
    work: Callable[[Sequence[Job]], list[Outcome]],
    plans: Iterable[Plan],
) -> Iterator[Steps]:
    planned: deque[tuple[Plan, bool]] = deque()

    def shards() -> Iterator[list[Job]]:
        for plan in plans:
            jobs = [step for step in plan if isinstance(step, Job)]
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


def _steps(plan: Plan, outcomes: Iterable[Outcome]) -> Steps:
    """The plan's steps by number, its jobs replaced by their outcomes."""
    done = iter(outcomes)
    return enumerate([next(done) if isinstance(step, Job) else step for step in plan])


def resize_shard(
    images: UPath, pictures: UPath, config: ResizeConfig, jobs: Sequence[Job]
) -> list[Outcome]:
    """The outcome of each job, in their order, on one core: what a worker of a cluster does."""
    with PicturePool.open(images, pictures, config, cores=1) as pool:
        outcomes = dict(pool.carry_out(jobs))
    return [outcomes[number] for number in range(len(jobs))]
