"""The order of an epoch in which a share of each batch is groups of neighbours.

Batches of neighbours give a contrastive loss hard negatives without any further forward pass
(Dahiya et al. 2022, NGAME, arXiv:2207.04452).
"""

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from vitrina.training.data.sampler import Indices


def grouped_order(
    groups: Iterable[Indices], sizes: Sequence[int], share: float, random: np.random.Generator
) -> Indices:
    """Every row once, int64 (rows,), for batches of these sizes, one after the other.

    Groups are dealt to the batches in turn until the ``share`` of each is filled; the last one may
    lose members. All rows that are in no group are in a random order. No more groups are taken
    than needed.
    """
    filled: list[list[int]] = [[] for _ in sizes]
    room = [round(share * size) for size in sizes]
    unfilled = deque(batch for batch, places in enumerate(room) if places > 1)
    for group in groups if unfilled else ():
        batch = unfilled.popleft()
        members = group[: room[batch]].tolist()
        filled[batch] += members
        room[batch] -= len(members)
        if room[batch] > 1:
            unfilled.append(batch)
        if not unfilled:
            break
    is_placed = np.zeros(sum(sizes), bool)
    is_placed[[row for rows in filled for row in rows]] = True
    others = iter(random.permutation(np.flatnonzero(~is_placed)).tolist())
    for rows, size in zip(filled, sizes, strict=True):
        rows += [next(others) for _ in range(size - len(rows))]
    return np.array([row for rows in filled for row in rows], np.int64)
