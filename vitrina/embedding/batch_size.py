"""Find the batch size at which a GPU is fastest."""

import time
from collections.abc import Callable

import torch

MIN_SPEEDUP = 1.05  # a doubled batch must be 5% faster per item
MAX_BATCH_SIZE = 4_096


def fastest_batch_size(run: Callable[[int], None], start: int) -> int:
    """Double ``start`` for as long as ``run(size)`` gets faster per item and fits into memory.

    If ``start`` itself does not fit, it is halved until it does. Raises torch.OutOfMemoryError if
    not even one item fits.
    """
    size = start
    while (rate := _items_per_second(run, size)) is None:
        if size == 1:
            raise torch.OutOfMemoryError("not even a batch of one image fits into the GPU's memory")
        size //= 2
    while size * 2 <= MAX_BATCH_SIZE and size * 2 > start:
        faster = _items_per_second(run, size * 2)
        if faster is None or faster < rate * MIN_SPEEDUP:
            break
        size, rate = size * 2, faster
    return size


def _items_per_second(run: Callable[[int], None], size: int) -> float | None:
    """Of a second run, after one to warm up; None if the batch does not fit into memory."""
    try:
        run(size)
        started = time.perf_counter()
        run(size)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None
    return size / (time.perf_counter() - started)
