"""Fetch the images that may have changed at their addresses."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from itertools import chain

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.config.fetch import FetchConfig
from vitrina.errors import UserError
from vitrina.execution.cpu_count import cpu_count
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.execution.shard_map import ShardMap
from vitrina.images.cleaned_rows import cleaned_batches
from vitrina.images.download_images import Downloads, download_shard
from vitrina.images.fetch.outcome import ACCEPTED
from vitrina.images.resize_index import ResizeOutcome
from vitrina.images.resize_plan import NO_STAMP, ResizeJob, ResizePlanner
from vitrina.images.resize_pool import ResizePool
from vitrina.results import CleanResult
from vitrina.store.paths import to_path

logger = logging.getLogger(__name__)
FETCHED = "fetched"

Download = Callable[[Iterable[list[ResizeJob]]], Iterator[ResizeOutcome]]
"""Downloads shards and yields the outcomes of their jobs, in any order."""


def fetch_images(
    cleaned: CleanResult,
    planner: ResizePlanner,
    config: FetchConfig,
    total: int,
    progress: OnProgress = no_progress,
    map_shards: ShardMap | None = None,
) -> ResizePlanner:
    """Fetch and resize what is not known to be unchanged; returns the planner that knows it all.

    ``progress`` is called with images done and ``total``. What was done is kept if this is killed.
    With ``map_shards`` images are fetched where that computes shards, else by this process. Raises
    what ``fetch`` does, above all UserError if there is no network.
    """
    _check_originals(config, planner)
    failed: dict[str, str] = {}
    counts: Counter[str] = Counter()
    with (
        flat_memory(),
        planner.index.recording() as record,
        _open_executor(planner, config, map_shards) as download,
    ):
        batches = cleaned_batches(cleaned.table, planner.columns)
        shards = (planner.plan(batch).downloads() for batch in batches)
        for done, outcome in enumerate(download(shards), 1):
            if outcome.stamp == NO_STAMP:
                failed[outcome.name] = outcome.reason
            else:
                record(outcome._replace(checked=int(time.time())))
            counts[str(_kind(outcome))] += 1
            progress(done, total)
    logger.info("resize: asked %d addresses: %s", total, dict(counts.most_common()))
    return planner.after_fetching(failed, counts[FETCHED])


def _check_originals(config: FetchConfig, planner: ResizePlanner) -> None:
    """Raise UserError if the originals would be kept where the resized images go."""
    folder = config.keep_originals
    if folder and to_path(folder).resolve() == planner.resized.resolve():
        raise UserError(
            f"fetch.keep_originals: {folder} is the folder of the resized images. Name another one."
        )


def _kind(outcome: ResizeOutcome) -> str:
    """What came of a request, for the log."""
    if outcome.status == HTTPStatus.NOT_MODIFIED:
        return "not modified"
    is_read = outcome.status in ACCEPTED and outcome.stamp != NO_STAMP
    return FETCHED if is_read else outcome.reason


@contextmanager
def _open_executor(
    planner: ResizePlanner, config: FetchConfig, map_shards: ShardMap | None
) -> Iterator[Download]:
    """Download in threads of this process or, with ``map_shards``, as shards."""
    if map_shards is not None:
        work = partial(download_shard, planner.resized, planner.config, config)
        yield lambda shards: chain.from_iterable(map_shards(work, filter(None, shards)))
        return
    resized = planner.resized
    with ResizePool.open(resized, resized, planner.config, cpu_count()) as pool:
        yield lambda shards: Downloads(pool, config).run(chain.from_iterable(shards))
