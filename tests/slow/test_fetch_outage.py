"""A server of images that is killed while it is asked, and comes back."""

from contextlib import ExitStack
from pathlib import Path
from threading import Timer

import pytest

from benchmarks.photo_server import photo_server, whole_images
from tests.support.processes import free_port
from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch.fetcher import fetch
from vitrina.images.fetch.outcome import FetchRequest

pytestmark = pytest.mark.slow

IMAGES = 600
DOWN = 5.0  # seconds


def test_a_server_that_is_away_for_five_seconds_loses_nothing(tmp_path: Path) -> None:
    """Killed in the middle of answers; those that it always cuts are never taken for whole."""
    photo = b"\xff\xd8" + bytes(200_000)
    (tmp_path / "0.jpg").write_bytes(photo)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    requests = [FetchRequest(number, f"{url}/{number}.jpg") for number in range(IMAGES)]
    bodies: dict[int, bytes] = {}
    with photo_server(tmp_path, port) as first, ExitStack() as second:
        for key, outcome in fetch(requests, FetchConfig(allow_private_addresses=True)):
            if outcome.body:
                bodies[key] = outcome.body
            if len(bodies) == IMAGES // 4 and first.poll() is None:
                first.kill()
                first.wait()
                Timer(DOWN, second.enter_context, [photo_server(tmp_path, port)]).start()
    assert bodies.keys() == whole_images(IMAGES)
    assert set(bodies.values()) == {photo}
