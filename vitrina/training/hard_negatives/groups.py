"""Groups of listings that are all neighbours of each other."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from vitrina.training.hard_negatives.neighbours import NONE

BLOCK_ROWS = 4_096

Indices = npt.NDArray[np.int64]


def mutual(nearest: Indices) -> Indices:
    """The neighbours that have the listing among theirs too; NONE in place of the others.

    ``nearest`` int64 (rows, count), as :func:`find_neighbours` gives them.
    """
    found = np.full_like(nearest, NONE)
    for first in range(0, len(nearest), BLOCK_ROWS):  # a row takes count² numbers
        block = nearest[first : first + BLOCK_ROWS]
        rows = np.arange(first, first + len(block))[:, None, None]
        is_mutual = (nearest[block] == rows).any(axis=2) & (block != NONE)
        found[first : first + BLOCK_ROWS][is_mutual] = block[is_mutual]
    return found


def groups_of_neighbours(
    nearest: Indices, size: int, random: np.random.Generator
) -> Iterator[Indices]:
    """Groups of 2 to ``size`` rows, the rows of each int64; no row is in two of them.

    Around rows in a random order, from the nearest on. Within a group every row is a mutual
    neighbour of every other, so no two are known or taken for a false negative.
    """
    neighbours = mutual(nearest)
    is_free = np.ones(len(neighbours), bool)
    for row in random.permutation(len(neighbours)):
        if not is_free[row]:
            continue
        others = neighbours[row]
        others = others[(others != NONE) & is_free[others]]
        fits = np.ones(len(others), bool)
        group = [row]
        while len(group) < size and fits.any():
            added = others[np.argmax(fits)]
            group.append(added)
            fits &= np.isin(others, neighbours[added])
        if len(group) > 1:
            is_free[group] = False
            yield np.array(group)
