"""What can be wrong with a listing."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from vitrina.health.reasons import Reason

Floats = npt.NDArray[np.floating]
Rows = npt.NDArray[np.int64]

DEVIATION = 1.4826  # of a normal distribution, relative to its median absolute deviation
MIN_GROUP = 50  # rows whose median and deviation say what is usual


class Problem(StrEnum):
    """The problems, in the order in which they are shown."""

    MISMATCH = "mismatch"
    PLACEHOLDER = "placeholder"
    CATEGORY = "category"
    SMALL_IMAGE = "small_image"
    BLURRED_IMAGE = "blurred_image"
    DUPLICATE = "duplicate"


@dataclass(frozen=True)
class Findings:
    """The listings with one problem, an element each, the worst first.

    ``row`` is a row of the table, ``other`` one that it is compared with or -1. A higher score is
    worse; its unit depends on the problem.
    """

    problem: Problem
    row: Rows
    score: Floats
    reason: Sequence[Reason]
    other: Rows

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(
        cls, problem: Problem, row: Rows, score: Floats, reason: Sequence[Reason], other: Rows
    ) -> "Findings":
        """The findings, sorted by score."""
        order = np.lexsort((row, -score))
        return cls(problem, row[order], score[order], [reason[one] for one in order], other[order])


def alone(rows: Rows) -> Rows:
    """What to give as ``other`` where a listing is compared with no other one."""
    return np.full(len(rows), -1)


def robust_z(values: Floats, *groups: Rows) -> npt.NDArray[np.float64]:
    """How many standard deviations each value lies above the median of its group, float64 (rows,).

    The deviation is estimated from the median absolute deviation, which outliers do not widen.
    Groups are tried in their order: one of fewer than 50 rows, or in which most values are equal,
    does not count. 0 where no group does.
    """
    z = np.full(len(values), np.nan)
    for labels in groups:
        _, group = np.unique(labels, return_inverse=True)
        order = np.argsort(group, kind="stable")
        for rows in np.split(order, np.cumsum(np.bincount(group))[:-1]):
            if len(rows) < MIN_GROUP:
                continue
            away = values[rows] - np.median(values[rows])
            deviation = DEVIATION * np.median(np.abs(away))
            if deviation > 0:
                z[rows] = np.where(np.isnan(z[rows]), away / deviation, z[rows])
    known: npt.NDArray[np.float64] = np.nan_to_num(z)
    return known
