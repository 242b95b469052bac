"""Connecting to a Ray cluster from a process that Prefect may cancel."""

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
    """The address of an executor; ``ray`` stands for ``$RAY_ADDRESS``, or a new local cluster.

    Without an address Ray would spend minutes looking for a cluster that no longer runs.
    """
    return (os.environ.get("RAY_ADDRESS") or "local") if executor == "ray" else executor


@contextmanager
def joining() -> Iterator[None]:
    """Start or connect to Ray within this block: without usage statistics, SIGTERM handler kept.

    Ray replaces the handler with which Prefect cancels a run.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    handler = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread() and handler is not None:
        signal.signal(signal.SIGTERM, handler)
