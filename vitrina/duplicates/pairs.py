"""Pairs of listings as columns of numbers, 12 bytes a pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Cosines = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows of a table, the lower one first, and the weighted mean of their cosines."""

    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    cosine: Cosines

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, chosen: npt.NDArray[np.bool_] | Rows) -> "Pairs":
        return Pairs(self.first[chosen], self.second[chosen], self.cosine[chosen])

    @classmethod
    def of(cls, one: Rows, other: Rows, cosine: Cosines) -> "Pairs":
        """Pairs of rows in any order; a row with itself is left out."""
        first, second = np.minimum(one, other), np.maximum(one, other)
        differs = first != second
        return cls(
            first[differs].astype(np.int32),
            second[differs].astype(np.int32),
            cosine[differs].astype(np.float32),
        )

    @classmethod
    def joined(cls, parts: Sequence["Pairs"]) -> "Pairs":
        """All pairs of several parts, each once, in the order of their rows."""
        if not parts:
            return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))
        first, second, cosine = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("first", "second", "cosine")
        )
        _, positions = np.unique(pair_keys(first, second), return_index=True)
        return cls(first[positions], second[positions], cosine[positions])

    def keys(self) -> Rows:
        """A number for each pair, int64, equal for equal pairs only."""
        return pair_keys(self.first, self.second)

    def nearest(self, most: int) -> "Pairs":
        """The pairs that are among the ``most`` nearest ones of at least one of their rows."""
        if not len(self):
            return self
        rows = np.concatenate([self.first, self.second])
        order = np.lexsort((np.tile(-self.cosine, 2), rows))
        is_start = np.diff(rows[order], prepend=-1) != 0
        start = np.maximum.accumulate(np.where(is_start, np.arange(len(order)), 0))
        near = order[np.arange(len(order)) - start < most]
        return self[np.unique(near % len(self))]


def pair_keys(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> Rows:
    """``first`` and ``second`` in one int64."""
    return (first.astype(np.int64) << 32) | second
