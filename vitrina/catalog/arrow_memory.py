"""Constant memory while tables stream through pyarrow."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa


@contextmanager
def flat_memory() -> Iterator[None]:
    """Make Arrow use the system's allocator within the block.

    Arrow's default allocator, mimalloc, does not return the memory of freed batches: reading and
    writing 200,000 rows in batches of 2,000 took 690 MB with it and 230 MB with the system's, at
    the same speed.
    """
    previous = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(previous)
