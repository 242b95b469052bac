"""Resizing many images at a time: failures of the store, threads with S3, and shards."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future
from pathlib import Path

import botocore.exceptions
import pytest
import s3fs
from upath import UPath

from tasks.orchestration.retries import is_transient
from tests.support.flaky_s3 import flaky_endpoint
from tests.support.image_shop import CONFIG, Shop
from vitrina.config.images import ResizeConfig
from vitrina.errors import UserError
from vitrina.images import resize_pool
from vitrina.images.resize_image import resize_image
from vitrina.images.resize_index import ResizeOutcome
from vitrina.images.resize_plan import Plan, ResizeJob
from vitrina.images.resize_pool import NO_CATALOG, open_plan_executor, resize_shard
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A small shop on disk."""
    return Shop(to_path(tmp_path))


def failing(error: Callable[[], Exception], at: int) -> Callable[[UPath], bytes]:
    """A read_bytes whose call number ``at`` fails."""
    calls = iter(range(1_000_000))

    def read(path: UPath) -> bytes:
        if next(calls) == at:
            raise error()
        return read_bytes(path)

    return read


def test_a_failure_of_the_store_rejects_no_image(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised as a transient error; the next run opens the rest and rejects nothing."""
    answer = {"ResponseMetadata": {"HTTPStatusCode": 503}, "Error": {"Code": "SlowDown"}}
    slow_down = lambda: botocore.exceptions.ClientError(answer, "GetObject")  # noqa: E731 - a name for one line
    monkeypatch.setattr(resize_pool, "read_bytes", failing(slow_down, at=3))
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        shop.run(config=CONFIG.model_copy(update={"threads": 1}))
    assert is_transient(caught.value)
    second = shop.run()
    assert second.images_resized == 3
    assert second.reasons == {}


def test_outcomes_before_an_error_are_taken() -> None:
    """However they come out of the set of those that are done."""
    futures: dict[Future[ResizeOutcome], int] = {}
    for position in range(20):
        futures[future := Future()] = position
        if position == 17:
            future.set_exception(OSError("the disk is gone"))
        else:
            future.set_result(ResizeOutcome(str(position), 0, 1, "hash", ""))
    outcomes = resize_pool._taken(futures, FIRST_EXCEPTION)
    assert [next(outcomes)[0] for _ in range(17)] == list(range(17))
    with pytest.raises(OSError, match="the disk is gone"):
        next(outcomes)


def test_requests_to_s3_are_concurrent_and_decoding_is_limited(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen images are read at a time; no more are decoded at a time than there are cores."""
    shop = Shop(to_path(bucket), rows=32)
    all_reading, cores = threading.Barrier(16, timeout=20), len(os.sched_getaffinity(0))
    decoding: list[int] = []
    most: list[int] = []

    def read(path: UPath) -> bytes:
        all_reading.wait()
        return read_bytes(path)

    def watched(data: bytes, config: ResizeConfig) -> bytes:
        decoding.append(1)
        most.append(len(decoding))
        time.sleep(0.01)
        decoding.pop()
        return resize_image(data, config)

    monkeypatch.setattr(resize_pool, "read_bytes", read)
    monkeypatch.setattr(resize_pool, "resize_image", watched)
    assert shop.run().rows_kept == 32
    assert max(most) <= cores


@pytest.mark.slow
def test_a_flaky_s3_costs_no_image(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After 503, 500 and a connection dropped in mid-body the table is the same."""
    good = Shop(to_path(bucket) / "good").run()
    faults = {"GET 1.jpg": "503", "PUT 3.jpg": "503", "GET 4.jpg": "cut", "PUT 5.jpg": "500"}
    with flaky_endpoint(lambda method, name: faults.get(f"{method} {name}")) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        s3fs.S3FileSystem.clear_instance_cache()
        shop = Shop(to_path(bucket) / "bad", rows=0)
        shop.ids = list(range(6))
        shop.originals = to_path(bucket) / "good" / "originals"
        bad = shop.run()
    assert sorted(endpoint.app.failed) == sorted(faults)
    assert bad.reasons == {}
    assert bad.table.fingerprint == good.table.fingerprint


@pytest.mark.parametrize(
    ("cause", "expected"),
    [(FileNotFoundError(), "missing_image"), (PermissionError(), "unreadable_image")],
)
def test_a_file_that_cannot_be_read_is_one_rejected_row(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, cause: OSError, expected: str
) -> None:
    """Removed since the listing, or not readable: rejected now, and tried again next time."""

    def error() -> UserError:
        refused = UserError("no")
        refused.__cause__ = cause
        return refused

    monkeypatch.setattr(resize_pool, "read_bytes", failing(error, at=0))
    assert shop.run().reasons == {expected: 1}
    assert shop.run().reasons == {}


def test_outcomes_of_shards_come_in_the_order_of_the_plans(shop: Shop) -> None:
    """Known outcomes and jobs are merged; a plan without jobs is not sent as a shard."""
    planner = shop.planner()
    known = Plan([ResizeOutcome("known", 1, 2, "hash", "")], [0], ["known.jpg"])
    plans = [known, shop.plan("0", "gone", "1"), known, known, shop.plan("2"), known]
    sizes: list[int] = []

    def map_shards(
        work: Callable[[list[ResizeJob]], list[ResizeOutcome]], shards: Iterable[list[ResizeJob]]
    ) -> Iterator[list[ResizeOutcome]]:
        for shard in shards:
            sizes.append(len(shard))
            yield work(shard)

    with open_plan_executor(planner, map_shards) as execute:  # type: ignore[arg-type]  # one type
        merged = [dict(outcomes) for outcomes in execute(plans)]
    with open_plan_executor(planner, None) as execute:
        assert merged == [dict(outcomes) for outcomes in execute(plans)]
    assert [[one[at].name for at in range(len(one))] for one in merged] == [
        ["known"],
        ["0", "gone", "1"],
        ["known"],
        ["known"],
        ["2"],
        ["known"],
    ]
    assert sizes == [2, 1]


def test_a_shard_keeps_the_order_of_its_jobs(shop: Shop) -> None:
    """The outcomes are those of the jobs one by one, whichever image is done first."""
    jobs = shop.plan("3", "1", "2").jobs()
    config = CONFIG.model_copy(update={"threads": 3})
    outcomes = resize_shard(shop.originals, shop.images, config, NO_CATALOG, jobs)
    assert [one.name for one in outcomes] == ["3", "1", "2"]
    assert all(one.size == len(read_bytes(shop.images / f"{one.name}.jpg")) for one in outcomes)
