"""Cells of a k-means clustering: near rows are in the same cell or in neighbouring ones.

Each row is compared with the rows of its nearest cells only. The work grows with rows² / cells,
and memory by some 50 bytes a row.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from vitrina.duplicates.pairs import Cosines, Rows

ROWS_PER_CELL = 256
MAX_CELLS = 1_024
SAMPLE_PER_CELL = 16  # rows that the clustering is made of: 64 MiB of vectors of 2 × 512
ITERATIONS = 8
NEAR_CELLS = 8  # that a row is compared with
CHUNK = 4_096  # rows assigned at a time


def cell_blocks(
    read: Callable[[Rows], Cosines], rows: Rows, block: int
) -> Iterator[tuple[Sequence[Rows], Rows]]:
    """For each cell: the rows near it and the rows in it, in blocks of at most ``block`` rows."""
    near = nearest_cells(read, rows)
    cells = near.max(initial=-1) + 1
    orders = [np.argsort(column, kind="stable").astype(np.int32) for column in near.T]
    starts = [
        np.searchsorted(column[order], np.arange(cells + 1))
        for column, order in zip(near.T, orders, strict=True)
    ]
    for cell in range(cells):
        members = [
            order[start[cell] : start[cell + 1]]
            for order, start in zip(orders, starts, strict=True)
        ]
        others = _blocks(rows[np.sort(np.concatenate(members))], block)
        yield from ((others, one) for one in _blocks(rows[members[0]], block))


def cell_count(rows: int) -> int:
    """How many cells a clustering of so many rows has."""
    return int(np.clip(rows // ROWS_PER_CELL, NEAR_CELLS, MAX_CELLS))


def nearest_cells(read: Callable[[Rows], Cosines], rows: Rows) -> npt.NDArray[np.int32]:
    """The nearest cells of each row, the nearest one first, int32 (rows, NEAR_CELLS)."""
    count = cell_count(len(rows))
    sample = np.sort(np.random.default_rng(0).permutation(rows)[: count * SAMPLE_PER_CELL])
    clustering = KMeans(count, init="random", n_init=1, max_iter=ITERATIONS, random_state=0)
    centres = clustering.fit(read(sample)).cluster_centers_
    offset = (centres**2).sum(axis=1) / 2
    nearest = np.empty((len(rows), NEAR_CELLS), np.int32)
    for start in range(0, len(rows), CHUNK):
        scores = read(rows[start : start + CHUNK]) @ centres.T - offset
        best = np.argpartition(-scores, NEAR_CELLS - 1, axis=1)[:, :NEAR_CELLS]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        nearest[start : start + CHUNK] = np.take_along_axis(best, order, axis=1)
    return nearest


def _blocks(rows: Rows, size: int) -> list[Rows]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
