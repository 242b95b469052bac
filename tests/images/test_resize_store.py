"""Resizing from a store that fails, and from S3 with many requests at a time."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import botocore.exceptions
import pytest
import s3fs
from upath import UPath

from tasks.orchestration.retries import is_transient
from tests.support.flaky_s3 import flaky_endpoint
from tests.support.image_shop import CONFIG, Shop
from vitrina.config import ResizeConfig
from vitrina.errors import UserError
from vitrina.images import resize_pool as image_pool
from vitrina.images.resize_image import resize_image
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A small shop on this machine."""
    return Shop(to_path(tmp_path))


def failing(error: Callable[[], Exception], at: int) -> Callable[[UPath], bytes]:
    """read_bytes that fails once."""
    calls = iter(range(1_000_000))

    def read(path: UPath) -> bytes:
        if next(calls) == at:
            raise error()
        return read_bytes(path)

    return read


def test_a_failure_of_the_store_is_no_rejected_image(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised as one that may pass; the next try opens what is left, and rejects nothing."""
    answer = {"ResponseMetadata": {"HTTPStatusCode": 503}, "Error": {"Code": "SlowDown"}}
    slow_down = lambda: botocore.exceptions.ClientError(answer, "GetObject")  # noqa: E731
    monkeypatch.setattr(image_pool, "read_bytes", failing(slow_down, at=3))
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        shop.run(config=CONFIG.model_copy(update={"threads": 1}))
    assert is_transient(caught.value)
    second = shop.run()
    assert second.images_resized == 3
    assert second.reasons == {}


def test_requests_to_s3_run_at_once_and_decoders_do_not(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen images are on their way at a time; no more are decoded than there are cores."""
    shop = Shop(to_path(bucket), rows=32)
    all_there, cores = threading.Barrier(16, timeout=20), len(os.sched_getaffinity(0))
    decoding: list[int] = []
    most: list[int] = []

    def read(path: UPath) -> bytes:
        all_there.wait()
        return read_bytes(path)

    def watched(data: bytes, config: ResizeConfig) -> bytes:
        decoding.append(1)
        most.append(len(decoding))
        time.sleep(0.01)
        decoding.pop()
        return resize_image(data, config)

    monkeypatch.setattr(image_pool, "read_bytes", read)
    monkeypatch.setattr(image_pool, "shrink", watched)
    assert shop.run().rows_kept == 32
    assert max(most) <= cores


def test_a_flaky_s3_costs_no_image(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, 500 and a connection dropped in mid-body: the same table as on a good day."""
    good = Shop(to_path(bucket) / "good").run()
    faults = {"GET 1.jpg": "503", "PUT 3.jpg": "503", "GET 4.jpg": "cut", "PUT 5.jpg": "500"}
    with flaky_endpoint(lambda method, name: faults.get(f"{method} {name}")) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        s3fs.S3FileSystem.clear_instance_cache()
        shop = Shop(to_path(bucket) / "bad", rows=0)
        shop.ids = list(range(6))
        shop.images = to_path(bucket) / "good" / "images"
        bad = shop.run()
    assert sorted(endpoint.app.failed) == sorted(faults)
    assert bad.reasons == {}
    assert bad.fingerprint == good.fingerprint


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

    monkeypatch.setattr(image_pool, "read_bytes", failing(error, at=0))
    assert shop.run().reasons == {expected: 1}
    assert shop.run().reasons == {}
