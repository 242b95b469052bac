"""Groups of duplicates without chains: each member is a duplicate of the group's representative.

Connected components would put A and C together because both are near B, and in large catalogues
whole assortments. Here the listing with the most duplicates represents them; then the next one
that is in no group yet, and so on. A pair whose two listings are of different groups stays a pair.
"""

import numpy as np
import numpy.typing as npt

from vitrina.duplicates.pairs import Pairs, Rows


def representatives(pairs: Pairs, first_copy: Rows) -> Rows:
    """For each row the representative of its group, int64 (rows,); itself if it is in none.

    ``first_copy`` int64 (rows,) is the row of which each is a copy; ``pairs`` are of such rows.
    """
    rows = len(first_copy)
    represented = np.arange(rows)
    is_free = np.ones(rows, np.bool_)
    starts, neighbours = _neighbours(pairs, rows)
    degree = np.diff(starts)
    paired = np.flatnonzero(degree)
    for row in paired[np.argsort(-degree[paired], kind="stable")]:
        if is_free[row]:
            near = neighbours[starts[row] : starts[row + 1]]
            near = near[is_free[near]]
            represented[near] = row
            is_free[near] = False
            is_free[row] = False
    return represented[first_copy]


def _neighbours(pairs: Pairs, rows: int) -> tuple[Rows, npt.NDArray[np.int32]]:
    """Where each row's neighbours begin in the second array, int64 (rows + 1,)."""
    one = np.concatenate([pairs.first, pairs.second])
    other = np.concatenate([pairs.second, pairs.first])
    order = np.argsort(one, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(one, minlength=rows))])
    return starts, other[order]
