"""Work in a process of its own, whose peak memory is that of the work."""

import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

MIB = 2**20
SAMPLED_SECONDS = 0.01

Returned = TypeVar("Returned")


def in_new_process(work: Callable[..., Returned], *arguments: object) -> Returned:
    """Call a function in a new process; returns its result."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_memory() -> float:
    """The most memory that this process has held, in bytes (getrusage), libraries included."""
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def with_own_memory(work: Callable[[], Returned]) -> tuple[Returned, float]:
    """The result of some work, and the most bytes that this process has held of its own meanwhile.

    Pages of mapped files, which the system takes back when it needs memory, do not count. Sampled,
    and on Linux only; elsewhere they do count.
    """
    status, stopped, peak = Path("/proc/self/status"), Event(), [0.0]
    if not status.exists():
        return work(), peak_memory()

    def watch() -> None:
        while not stopped.wait(SAMPLED_SECONDS):
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            peak[0] = max(peak[0], int(lines["RssAnon"].split()[0]) * 1024.0)

    sampler = Thread(target=watch, daemon=True)
    sampler.start()
    try:
        return work(), peak[0]
    finally:
        stopped.set()
        sampler.join()
