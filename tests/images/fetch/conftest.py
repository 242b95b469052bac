"""Servers to fetch from, and a config that may."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.image_server import Site, serving
from vitrina.config.fetch import FetchConfig
from vitrina.images.fetch import retry
from vitrina.images.fetch.fetcher import fetch
from vitrina.images.fetch.outcome import FetchOutcome, FetchRequest

FetchAll = Callable[..., list[FetchOutcome]]


@pytest.fixture
def site() -> Iterator[Site]:
    """A server with nothing on it."""
    with serving() as site:
        yield site


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits between attempts, and no proxies."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.05)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def fetch_all() -> FetchAll:
    """Fetch URLs, or whole requests, with a config's changes; the outcomes in their order."""

    def fetched(*urls: str | FetchRequest[int], **changes: Any) -> list[FetchOutcome]:
        config = FetchConfig(**{"allow_private_addresses": True, "patience": 5, **changes})
        requests = [
            FetchRequest(number, url) if isinstance(url, str) else url
            for number, url in enumerate(urls)
        ]
        outcomes = dict(fetch(requests, config))
        return [outcomes[request.key] for request in requests]

    return fetched
