"""Find the pairs of near listings among many: all pairs of few, those of near cells of many.

Memory holds two blocks of vectors and their cosines for each core, and the pairs that were found.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

from vitrina.duplicates.cells import cell_blocks
from vitrina.duplicates.pairs import Pairs, Rows
from vitrina.duplicates.vectors import Vectors
from vitrina.execution.cpu_count import cpu_count
from vitrina.execution.progress import OnProgress, no_progress

Item = TypeVar("Item")
Result = TypeVar("Result")

BLOCK = 2_048  # rows a side: 16 MiB of cosines
FLOOR_NEIGHBOURS = 10  # pairs a listing beyond which almost all are chance
SAMPLE = 1_024, 16_384  # rows whose cosines tell where that is
NEIGHBOURS = 100  # pairs kept of a listing
PART_PAIRS = 2_000_000  # pairs in memory before they are reduced to each listing's nearest


# Five parameters: whose pairs, how near, how searched, and who watches.
def near_pairs(
    vectors: Vectors,
    rows: Rows,
    floor: float,
    exact_rows: int,
    progress: OnProgress = no_progress,
) -> Pairs:
    """The pairs among ``rows`` with a cosine of ``floor`` or more, the NEIGHBOURS nearest of each.

    Up to ``exact_rows`` rows every pair is compared; of more, those whose cells are near, which
    almost all of them are (docs/how-to/duplicates.md).
    """
    if len(rows) <= exact_rows:
        blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        comparisons: Iterator[tuple[Sequence[Rows], Rows]] = (
            (blocks[: number + 1], one) for number, one in enumerate(blocks)
        )
    else:
        comparisons = cell_blocks(vectors.read, rows, BLOCK)
    found: list[Pairs] = []
    done = 0
    for pairs, compared in _in_threads(partial(_compare, vectors, floor), comparisons):
        found.append(pairs)
        done += compared
        progress(done, len(rows))
        if sum(map(len, found)) > PART_PAIRS:
            found = [Pairs.joined(found).nearest(NEIGHBOURS)]
    return Pairs.joined(found).nearest(NEIGHBOURS)


def near_cosine(vectors: Vectors, rows: Rows) -> float:
    """The cosine that a listing has with FLOOR_NEIGHBOURS others on average, from a sample."""
    if len(rows) <= FLOOR_NEIGHBOURS + 1:
        return -1.0
    rng = np.random.default_rng(0)
    some, others = (np.sort(rng.permutation(rows)[:size]) for size in SAMPLE)
    cosines = vectors.read(some) @ vectors.read(others).T
    cosines[some[:, None] == others[None, :]] = -1  # a row with itself
    share = FLOOR_NEIGHBOURS / len(rows)
    position = min(cosines.size - 1, int((1 - share) * cosines.size))
    return float(np.partition(cosines.ravel(), position)[position])


def _compare(
    vectors: Vectors, floor: float, comparison: tuple[Sequence[Rows], Rows]
) -> tuple[Pairs, int]:
    """The near pairs of some blocks of rows with one block, and the length of that one."""
    others, rows = comparison
    block = vectors.read(rows)
    found = []
    for other in others:
        cosines = vectors.read(other) @ block.T
        one, two = np.nonzero(cosines >= floor)
        found.append(Pairs.of(other[one], rows[two], cosines[one, two]))
    return Pairs.joined(found), len(rows)


def _in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """The results in order; each core has one block, and few items wait.

    BLAS gets one thread: with all of them it would leave what follows a product to one core.
    """
    cores = cpu_count()
    waiting: deque[Future[Result]] = deque()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
