"""The Prefect server of a command: the one that is named, or kept running, else a temporary one.

:func:`begin` comes before Prefect is imported, so that a temporary server starts meanwhile;
:func:`connected` comes after.
"""

import atexit
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from tasks.orchestration.kept_server import kept_server
from tasks.orchestration.server_start import StartedServer, start_server
from vitrina.errors import UserError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LocalServer(NamedTuple):
    """A server on this machine, for a command whose Prefect settings name none."""

    url: str
    started: StartedServer | None  # None for one that `vitrina server` keeps


def bypass_proxies() -> None:
    """Never reach this machine's own addresses through a proxy of the environment."""
    for name in ("NO_PROXY", "no_proxy"):
        listed = [one for one in os.environ.get(name, "").split(",") if one]
        os.environ[name] = ",".join([*listed, *(one for one in LOOPBACK if one not in listed)])


def begin() -> LocalServer | None:
    """Find the kept server, or start one; None if the environment names a server."""
    if os.environ.get("PREFECT_API_URL"):
        return None
    if kept := kept_server():
        return LocalServer(kept.url, None)
    started = start_server()
    # Before Prefect registers its own: it sends the last log lines before the server ends.
    atexit.register(started.end)
    return LocalServer(started.url, started)


@contextmanager
def connected(
    server: LocalServer | None, settings: Mapping[Any, Any] | None = None
) -> Iterator[None]:
    """Use the server that Prefect's settings name, else ``server``; and these settings.

    Raises UserError with the reason if it does not answer or does not start.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    changed = dict(settings or {})
    if url := PREFECT_API_URL.value():
        if server and server.started:
            server.started.end()  # a profile names one, which was not known before
        check_answers(url)
    else:
        assert server is not None, "without PREFECT_API_URL one was begun"
        if server.started:
            server.started.wait()
        changed[PREFECT_API_URL] = server.url
    with temporary_settings(changed):  # once: reading all settings again takes 40 ms
        yield


@contextmanager
def prefect_server() -> Iterator[None]:
    """:func:`begin` and :func:`connected` in one, where Prefect is imported already."""
    with connected(begin()):
        yield


def check_answers(url: str) -> None:
    """Raise UserError if the API does not answer."""
    import httpx

    try:
        httpx.get(f"{url.rstrip('/')}/health", timeout=10)
    except httpx.TransportError as error:
        raise UserError(
            f"No Prefect server answers at {url} ({error}). Start it, or unset PREFECT_API_URL to "
            "run with a temporary one."
        ) from error
