"""Resize many images at a time, in threads (resizing releases the GIL) or as shards elsewhere."""

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Semaphore
from typing import Self

from upath import UPath

from vitrina.catalog.image_refs import CatalogImage
from vitrina.catalog.rejection import RejectionReason
from vitrina.config.images import ResizeConfig
from vitrina.errors import UserError
from vitrina.execution.cpu_count import cpu_count
from vitrina.execution.shard_map import ShardMap
from vitrina.images.catalog_images import CatalogImageReader, CatalogImages
from vitrina.images.rejected import RejectedImageError
from vitrina.images.resize_image import resize_image
from vitrina.images.resize_index import ResizeOutcome, hash_image
from vitrina.images.resize_plan import NO_STAMP, Plan, ResizeJob, ResizePlanner, target_name
from vitrina.store.files import read_bytes, write_bytes
from vitrina.store.paths import is_local, to_path

# On S3 an image waits for two requests, which take many times as long as resizing it.
S3_THREADS_PER_CORE, MAX_S3_THREADS = 16, 64
PAUSE = 0.5  # seconds between looks at what is done: waking up for each image slows the threads
WAITING = 2  # images that the catalogue holds, for each thread
NO_CATALOG = CatalogImages((), "")

Outcomes = Iterator[tuple[int, ResizeOutcome]]
"""Positions in a plan with their outcomes, in any order."""
ExecutePlans = Callable[[Iterable[Plan]], Iterator[Outcomes]]
"""Executes plans and yields the outcomes of each, in the order of the plans."""


@dataclass(frozen=True)
class Resizer:
    """Reads, resizes and writes one image; ``decoding`` limits how many are decoded at a time."""

    originals: UPath
    resized: UPath
    config: ResizeConfig
    decoding: Semaphore

    def __call__(self, job: ResizeJob) -> ResizeOutcome:
        """The outcome of a job. Raises the store's errors that are not about this one image."""
        try:
            data = read_bytes(self._original(job.source))
        except UserError as error:
            return ResizeOutcome(job.name, NO_STAMP, 0, "", self._read_failure(error))
        return self.resize(job, data)

    def resize(self, job: ResizeJob, data: bytes) -> ResizeOutcome:
        """The outcome of a job whose image has been read."""
        try:
            with self.decoding:
                jpeg = resize_image(data, self.config)
        except RejectedImageError as error:
            return ResizeOutcome(job.name, job.stamp, 0, "", error.reason)
        write_bytes(self.resized / target_name(job.name), jpeg)
        return ResizeOutcome(job.name, job.stamp, len(jpeg), hash_image(jpeg), "")

    def _original(self, source: str) -> UPath:
        is_absolute = source.startswith(("/", "s3://"))
        return to_path(source) if is_absolute else self.originals / source

    def _read_failure(self, error: UserError) -> RejectionReason:
        if isinstance(error.__cause__, FileNotFoundError):
            return RejectionReason.MISSING_IMAGE  # removed since the listing
        if isinstance(error.__cause__, PermissionError) and is_local(self.originals):
            return RejectionReason.UNREADABLE_IMAGE  # on S3 access to all images is denied
        raise error


@dataclass(frozen=True)
class ResizePool:
    """A thread pool that executes plans; images that a catalogue holds are read in this thread."""

    resizer: Resizer
    threads: ThreadPoolExecutor
    count: int  # of threads
    held: CatalogImageReader

    @classmethod
    @contextmanager
    def open(
        cls,
        originals: UPath,
        resized: UPath,
        config: ResizeConfig,
        cores: int,
        catalog: CatalogImages = NO_CATALOG,
    ) -> Iterator[Self]:
        """A pool of ``config.threads``, by default one per core and more of them with S3."""
        local = is_local(originals) and is_local(resized)
        default = cores if local else min(S3_THREADS_PER_CORE * cores, MAX_S3_THREADS)
        count = config.threads or default
        decoding = Semaphore(min(count, cores))
        threads = ThreadPoolExecutor(count, "resize")
        resizer = Resizer(originals, resized, config, decoding)
        try:
            with warnings.catch_warnings(), CatalogImageReader(catalog) as held:
                # max_pixels limits the size, and damaged EXIF is ignored on purpose.
                warnings.filterwarnings("ignore", module="PIL")
                yield cls(resizer, threads, count, held)
        finally:
            threads.shutdown(cancel_futures=True)

    def run(self, steps: Sequence[ResizeJob | ResizeOutcome]) -> Outcomes:
        """The outcome of each step by its position, as soon as it is known.

        Raises the first error that is not about a single image.
        """
        futures: dict[Future[ResizeOutcome], int] = {}
        held: list[tuple[int, ResizeJob, CatalogImage]] = []
        for position, step in enumerate(steps):
            if not isinstance(step, ResizeJob):
                yield position, step
            elif step.held:
                held.append((position, step, step.held))
            else:
                futures[self.threads.submit(self.resizer, step)] = position
        yield from self._run_held(held)
        while futures:
            yield from _taken(futures, FIRST_EXCEPTION)

    def _run_held(self, jobs: Sequence[tuple[int, ResizeJob, CatalogImage]]) -> Outcomes:
        """The outcomes of images that the catalogue holds, of which few are in memory at a time."""
        waiting: dict[Future[ResizeOutcome], int] = {}
        images = self.held.read([image for *_, image in jobs])
        for (position, job, _), data in zip(jobs, images, strict=True):
            waiting[self.threads.submit(self.resizer.resize, job, data)] = position
            while len(waiting) >= WAITING * self.count:
                yield from _taken(waiting, FIRST_COMPLETED)
        while waiting:
            yield from _taken(waiting, FIRST_EXCEPTION)


def _taken(futures: dict[Future[ResizeOutcome], int], when: str) -> Outcomes:
    """Take out the outcomes that are there, in order; raises the first error on its turn."""
    done = wait(futures, PAUSE, when).done
    for future in sorted(done, key=futures.__getitem__):
        yield futures.pop(future), future.result()


@contextmanager
def open_plan_executor(
    planner: ResizePlanner, map_shards: ShardMap | None
) -> Iterator[ExecutePlans]:
    """Execute plans in threads of this process or, with ``map_shards``, their jobs as shards."""
    settings = planner.originals, planner.resized, planner.config
    if map_shards is None:
        with ResizePool.open(*settings, cpu_count(), planner.catalog) as pool:
            yield lambda plans: (pool.run(plan.steps) for plan in plans)
    else:
        yield partial(_in_shards, map_shards, partial(resize_shard, *settings, planner.catalog))


def _in_shards(
    map_shards: ShardMap,
    work: Callable[[Sequence[ResizeJob]], list[ResizeOutcome]],
    plans: Iterable[Plan],
) -> Iterator[Outcomes]:
    """Each plan's outcomes, its jobs computed as one shard; plans without jobs are skipped."""
    planned: deque[tuple[Plan, bool]] = deque()

    def shards() -> Iterator[list[ResizeJob]]:
        for plan in plans:
            jobs = plan.jobs()
            planned.append((plan, bool(jobs)))
            if jobs:
                yield jobs

    for shard_outcomes in map_shards(work, shards()):
        plan, has_jobs = planned.popleft()
        while not has_jobs:
            yield _merged(plan, ())
            plan, has_jobs = planned.popleft()
        yield _merged(plan, shard_outcomes)
    yield from (_merged(plan, ()) for plan, _ in planned)


def _merged(plan: Plan, outcomes: Iterable[ResizeOutcome]) -> Outcomes:
    """The outcomes of a plan by position, given those of its jobs in their order."""
    done = iter(outcomes)
    steps = (next(done) if isinstance(step, ResizeJob) else step for step in plan.steps)
    return enumerate(steps)


def resize_shard(
    originals: UPath,
    resized: UPath,
    config: ResizeConfig,
    catalog: CatalogImages,
    jobs: Sequence[ResizeJob],
) -> list[ResizeOutcome]:
    """The outcome of each job, in their order, on one core: the work of a cluster's worker."""
    with ResizePool.open(originals, resized, config, 1, catalog) as pool:
        outcomes = dict(pool.run(jobs))
    return [outcomes[position] for position in range(len(jobs))]
