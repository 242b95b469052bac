"""What is read ahead and held in memory, and how fetching ends early."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from subprocess import PIPE, Popen

import pytest

from tests.support.image_server import Site, slow, status
from tests.support.processes import ROOT, eventually
from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch import download_thread, fetcher
from vitrina.images.fetch.fetcher import fetch
from vitrina.images.fetch.outcome import FetchRequest

CONFIG = FetchConfig(allow_private_addresses=True)
BODY = os.urandom(100_000)

INTERRUPTED = """
import sys
from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch.fetcher import fetch
from vitrina.images.fetch.outcome import FetchRequest
print("ready", flush=True)
list(fetch([FetchRequest(0, sys.argv[1])], FetchConfig(allow_private_addresses=True)))
"""


def requests(site: Site, count: int, read: list[int]) -> Iterator[FetchRequest[int]]:
    """Requests that note when they are read."""
    for number in range(count):
        read.append(number)
        yield FetchRequest(number, site.at(f"/{number}.jpg", status(200, BODY)))


def test_requests_are_read_as_outcomes_are_taken(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not all at once: a catalogue may have millions, also with equal URLs."""
    monkeypatch.setattr(fetcher, "WINDOW", 5)
    read: list[int] = []
    most = 0
    for taken, _ in enumerate(fetch(requests(site, 50, read), CONFIG)):
        most = max(most, len(read) - taken)
    assert len(read) == 50
    assert most == 5


def test_bodies_that_nobody_takes_stop_further_ones(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: the rest is fetched when the caller goes on."""
    monkeypatch.setattr(download_thread, "MEMORY", 5 * len(BODY))
    with closing(fetch(requests(site, 50, []), CONFIG)) as outcomes:
        next(outcomes)
        time.sleep(0.5)
        # Those that wait for room have been asked for, but their bodies are not read.
        assert len(site.asked) <= CONFIG.per_host + 5
        assert sum(outcome.body == BODY for _, outcome in outcomes) == 49


def test_a_body_larger_than_memory_arrives(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """On its own."""
    monkeypatch.setattr(download_thread, "MEMORY", len(BODY) // 2)
    assert all(outcome.body == BODY for _, outcome in fetch(requests(site, 10, []), CONFIG))


def test_closing_ends_all_downloads(site: Site) -> None:
    """At once, and no thread stays."""
    urls = [site.at(f"/{number}.jpg", slow(status(200, BODY), number * 3)) for number in range(9)]
    outcomes = fetch([FetchRequest(0, url) for url in urls], CONFIG)
    next(outcomes)
    start = time.monotonic()
    outcomes.close()
    assert time.monotonic() - start < 2
    assert "fetch" not in [thread.name for thread in threading.enumerate()]


def test_an_error_of_the_requests_is_raised(site: Site) -> None:
    """What reads the catalogue may fail."""

    def failing() -> Iterator[FetchRequest[int]]:
        yield FetchRequest(0, site.at("/a.jpg", status(200, BODY)))
        raise OSError("the catalogue cannot be read")

    with pytest.raises(OSError, match="catalogue"):
        list(fetch(failing(), CONFIG))


def test_ctrl_c_stops_at_once(site: Site) -> None:
    """Also while all downloads wait for their servers."""
    url = site.at("/a.jpg", slow(status(200, BODY), 30))
    process = Popen([sys.executable, "-c", INTERRUPTED, url], stdout=PIPE, stderr=PIPE, cwd=ROOT)
    eventually(lambda: site.asked, 60, "asked for")
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - start < 5
    assert errors.strip().endswith(b"KeyboardInterrupt")
