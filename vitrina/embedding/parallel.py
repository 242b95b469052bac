"""Many items through a model in passes: streams of one thread each on a CPU, one stream on a GPU.

A pass that uses all cores waits for the slowest of them at every layer, and no core decodes
images meanwhile. As many independent streams as cores, each loading and computing on its own
core, leave none idle.
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
    """The items in runs of ``size``."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def in_streams(work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """``work`` of each item, in order, without gradients, one item per core at a time."""

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
    """``work`` of each item, in order, without gradients."""
    for item in items:
        with torch.inference_mode():
            result = work(item)
        yield result


def prefetched(
    load: Callable[[Item], Result], items: Iterable[Item], size: int, threads: int
) -> Iterator[list[Result]]:
    """``load`` of each item in threads, in order, in lists of ``size``; the next list is begun."""
    with ThreadPoolExecutor(threads, "load") as pool:
        loaded = in_order(pool, load, items, ahead=2 * size)
        while batch := list(islice(loaded, size)):
            yield batch


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Results in the order of the items; at most ``ahead`` wait, so that memory stays flat."""
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
