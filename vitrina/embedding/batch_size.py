"""The batch size that a device is fastest with."""

import time
from collections.abc import Callable

import torch

WORTH = 1.05  # a doubling must bring 5% to be taken
LARGEST = 4_096


def fastest_batch_size(run: Callable[[int], None], start: int) -> int:
    """Double ``start`` while ``run(size)`` gets faster per item and fits into memory.

    If ``start`` itself does not fit, it is halved until it does; raises torch.OutOfMemoryError if
    not even one item fits.
    """
    size = start
    while (rate := _items_per_second(run, size)) is None:
        if size == 1:
            raise torch.OutOfMemoryError("not even a batch of one image fits the GPU's memory")
        size //= 2
    while size * 2 <= LARGEST and size * 2 > start:
        faster = _items_per_second(run, size * 2)
        if faster is None or faster < rate * WORTH:
            break
        size, rate = size * 2, faster
    return size


def _items_per_second(run: Callable[[int], None], size: int) -> float | None:
    """None if the batch does not fit; the second run counts, the first warms up."""
    try:
        run(size)
        begin = time.perf_counter()
        run(size)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None
    return size / (time.perf_counter() - begin)
