"""Run a model over many items: one single-threaded stream per core on a CPU, one stream on a GPU.

A batch computed by all cores waits for the slowest of them at every layer, and no core decodes
images meanwhile. Independent streams, each loading and computing on a core of its own, leave none
idle.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def batched(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """The items in lists of at most ``size``."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def in_streams(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """``work(item)`` for each item, in order and without gradients; a stream per core."""
    streams = min(torch.get_num_threads(), len(items))
    if streams <= 1:
        yield from one_by_one(work, items)
        return

    def stream(item: Item) -> Result:
        with torch.inference_mode():
            return work(item)

    with ThreadPoolExecutor(streams, "stream", torch.set_num_threads, (1,)) as pool:
        yield from in_order(pool, stream, items, ahead=2 * streams)


def one_by_one(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """``work(item)`` for each item, in order and without gradients."""
    for item in items:
        with torch.inference_mode():
            result = work(item)
        yield result


def prefetched(
    load: Callable[[Item], Result], items: Iterable[Item], size: int, threads: int
) -> Iterator[list[Result]]:
    """``load(item)`` for each item, in order, in lists of ``size``.

    Threads load the next list while one is used.
    """
    with ThreadPoolExecutor(threads, "load") as pool:
        loaded = in_order(pool, load, items, ahead=2 * size)
        while batch := list(islice(loaded, size)):
            yield batch


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """``work(item)`` for each item, in order; at most ``ahead`` results are kept in memory."""
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
