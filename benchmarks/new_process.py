"""Work in a process of its own, whose peak memory is that of the work."""

import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

MIB = 2**20

Returned = TypeVar("Returned")


def in_new_process(work: Callable[..., Returned], *arguments: object) -> Returned:
    """Call a function in a new process; returns its result."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_memory() -> float:
    """The most memory that this process has held, in bytes (getrusage), libraries included."""
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
