"""Which rows form which batch: a pure function of seed, epoch and step, so no state to save."""

import math

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Steps in which every row is used once."""
    return math.ceil(rows / batch_size)


def shuffled(rows: int, seed: int, epoch: int) -> Indices:
    """The rows in a random order, int64 (rows,)."""
    return np.random.default_rng((seed, epoch)).permutation(rows)


def spread(groups: Indices, seed: int, epoch: int) -> Indices:
    """The rows in a random order that puts those of one group far apart, int64 (rows,).

    The n members of a group are spaced evenly over the epoch, from a random start, so no batch has
    two of them as long as n is well below the number of batches.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    _, first, counts = np.unique(groups[order], return_index=True, return_counts=True)
    rank = np.arange(len(groups)) - np.repeat(first, counts)
    start = np.repeat(random.random(len(counts)), counts)
    return order[np.argsort((rank + start) / np.repeat(counts, counts), kind="stable")]


def batch(order: Indices, step: int, steps: int) -> Indices:
    """The rows of one step of an epoch; batch sizes differ by at most one, so none is tiny."""
    rows = len(order)
    return order[step * rows // steps : (step + 1) * rows // steps]


def batch_sizes(rows: int, steps: int) -> list[int]:
    """The number of rows of each step of an epoch."""
    return [(step + 1) * rows // steps - step * rows // steps for step in range(steps)]
