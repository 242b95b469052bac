"""Resizing many pictures at a time, in threads: the JPEG library and the filter leave Python."""

import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Semaphore
from typing import Self

from upath import UPath

from tasks.config import ResizeConfig
from tasks.errors import UserError
from tasks.picture_index import Outcome, hash_picture
from tasks.picture_plan import UNSEEN, Job, Survey, target_name
from tasks.pictures import RejectedPictureError, shrink
from tasks.storage import is_local, read_bytes, write_bytes

# On S3 a picture waits for two requests, many times as long as it is computed.
S3_THREADS_PER_CORE, MOST_S3_THREADS = 16, 64


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
    def open(cls, survey: Survey) -> Iterator[Self]:
        """A pool of as many threads as the machine and the places of the pictures call for."""
        cores, config = _cores(), survey.config
        local = is_local(survey.images) and is_local(survey.pictures)
        chosen = cores if local else min(S3_THREADS_PER_CORE * cores, MOST_S3_THREADS)
        count = config.threads or chosen
        decoding = Semaphore(min(count, cores))
        threads = ThreadPoolExecutor(count, "resize")
        try:
            with warnings.catch_warnings():
                # max_pixels counts pixels, and broken EXIF is no news.
                warnings.filterwarnings("ignore", module="PIL")
                yield cls(Resizer(survey.images, survey.pictures, config, decoding), threads)
        finally:
            threads.shutdown(cancel_futures=True)

    def carry_out(self, plan: Sequence[Job | Outcome]) -> Iterator[tuple[int, Outcome]]:
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


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: those that this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
