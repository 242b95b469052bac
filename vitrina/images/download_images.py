"""Download images and resize each as soon as it is there."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from http import HTTPStatus

from upath import UPath

from vitrina.catalog.rejection import RejectionReason
from vitrina.config.fetch import FetchConfig
from vitrina.config.images import ResizeConfig
from vitrina.images.fetch.address import shown_url
from vitrina.images.fetch.fetcher import fetch
from vitrina.images.fetch.outcome import FetchFailure, FetchOutcome, FetchRequest, Validators
from vitrina.images.resize_index import ResizeOutcome
from vitrina.images.resize_plan import NO_STAMP, ResizeJob
from vitrina.images.resize_pool import ResizePool
from vitrina.images.signatures import ending_of
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path

logger = logging.getLogger(__name__)

GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
REASONS = {
    FetchFailure.INVALID_URL: RejectionReason.REFUSED_URL,
    FetchFailure.REFUSED_ADDRESS: RejectionReason.REFUSED_URL,
    FetchFailure.BAD_REDIRECT: RejectionReason.REFUSED_URL,
    FetchFailure.TOO_LARGE: RejectionReason.TOO_LARGE_IMAGE,
}
# Not remembered: they cost nothing to find again, and parameters of fetch decide them.
UNREMEMBERED = frozenset(
    {FetchFailure.INVALID_URL, FetchFailure.REFUSED_ADDRESS, FetchFailure.TOO_LARGE}
)
WAITING = 2  # bodies for each thread that resizes


@dataclass(frozen=True)
class Downloads:
    """Downloads images and has a pool resize them."""

    pool: ResizePool
    config: FetchConfig
    _told: set[str] = field(default_factory=set)  # kinds of failures of which one was logged

    def run(self, jobs: Iterable[ResizeJob]) -> Iterator[ResizeOutcome]:
        """The outcome of each job, in any order.

        One that a later run may find otherwise has no stamp. Raises what ``fetch`` and resizing do.
        """
        waiting: set[Future[ResizeOutcome]] = set()
        for job, fetched in fetch(map(_request, jobs), self.config):
            if fetched.body is None:
                self._tell(job, fetched)
                yield _without_body(job, fetched)
                continue
            waiting.add(self.pool.threads.submit(self._resize, job, fetched, fetched.body))
            is_full = len(waiting) >= WAITING * self.pool.count
            done, waiting = wait(waiting, None if is_full else 0, FIRST_COMPLETED)
            yield from (future.result() for future in done)
        yield from (future.result() for future in wait(waiting).done)

    def _tell(self, job: ResizeJob, fetched: FetchOutcome) -> None:
        """Log the first failure of each kind, with its URL."""
        if fetched.detail and fetched.detail not in self._told:
            self._told.add(fetched.detail)
            where = shown_url(job.source)
            logger.warning("resize: %s cannot be fetched, %s", where, fetched.detail)

    def _resize(self, job: ResizeJob, fetched: FetchOutcome, body: bytes) -> ResizeOutcome:
        if self.config.keep_originals:
            folder = to_path(self.config.keep_originals)
            write_bytes(folder / f"{job.name}{ending_of(body)}", body)
        return _answered(self.pool.resizer.resize(job, body), fetched)


def download_shard(
    resized: UPath, config: ResizeConfig, fetching: FetchConfig, jobs: Sequence[ResizeJob]
) -> list[ResizeOutcome]:
    """The outcome of each job, in any order, on one core: the work of a cluster's worker."""
    with ResizePool.open(resized, resized, config, cores=1) as pool:
        return list(Downloads(pool, fetching).run(jobs))


def _request(job: ResizeJob) -> FetchRequest[ResizeJob]:
    """A request for what is new, if the outcome of an earlier answer is known."""
    known = Validators(job.known.etag, job.known.last_modified) if job.known else Validators()
    return FetchRequest(job, job.source, known)


def _without_body(job: ResizeJob, fetched: FetchOutcome) -> ResizeOutcome:
    if fetched.failure is None:  # and nothing is new
        return _answered(job.known or _rejected(job, fetched), fetched)
    return _rejected(job, fetched)


def _rejected(job: ResizeJob, fetched: FetchOutcome) -> ResizeOutcome:
    reason = RejectionReason.FAILED_DOWNLOAD
    if fetched.failure is FetchFailure.HTTP_ERROR and fetched.status in GONE:
        reason = RejectionReason.NOT_FOUND_URL
    elif fetched.failure:
        reason = REASONS.get(fetched.failure, reason)
    is_passing = fetched.is_transient or fetched.failure in UNREMEMBERED
    stamp = NO_STAMP if is_passing else job.stamp
    return ResizeOutcome(job.name, stamp, 0, "", reason, status=fetched.status)


def _answered(outcome: ResizeOutcome, fetched: FetchOutcome) -> ResizeOutcome:
    """An outcome with what the server said of the image."""
    return outcome._replace(
        etag=fetched.validators.etag,
        last_modified=fetched.validators.last_modified,
        status=fetched.status,
    )
