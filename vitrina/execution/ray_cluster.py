"""Joining a Ray cluster from a process that Prefect may want to cancel."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OPTIONS: dict[str, Any] = {
    "include_dashboard": False,
    "log_to_driver": False,
    "logging_level": logging.ERROR,
}


def address_of(executor: str = "ray") -> str:
    """Of ``ray`` the cluster that ``RAY_ADDRESS`` names, else a new one on this machine.

    Left to itself Ray looks, for minutes, for a cluster that this machine may once have had.
    """
    return (os.environ.get("RAY_ADDRESS") or "local") if executor == "ray" else executor


@contextmanager
def joining() -> Iterator[None]:
    """Start or join Ray in here: it sends no statistics, and SIGTERM keeps its handler.

    Ray replaces the one by which Prefect cancels a run.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGTERM, handler)
