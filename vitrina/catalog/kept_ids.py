"""The ids of the rows kept so far, in little memory: 16 bytes each, for 10 million 160 MB."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RUN_IDS = 1 << 19
DIGEST_BYTES = 16  # of 10 million ids two have the same one with a probability of 2e-25

Halves = npt.NDArray[np.uint64]


@dataclass
class KeptIds:
    """A set of ids, kept by their hashes: the last ones as they come, the others sorted in runs."""

    recent: set[bytes] = field(default_factory=set)
    runs: "list[_Run]" = field(default_factory=list)
    count: int = 0

    def add(self, ids: Sequence[int | str]) -> list[bool]:
        """Add ids; whether each of them is new, of several equal ones the first."""
        digests = [_digest(str(nm)) for nm in ids]
        known = self._in_runs(digests)
        are_new = []
        for digest, is_known in zip(digests, known.tolist(), strict=True):
            are_new.append(not is_known and digest not in self.recent)
            if are_new[-1]:
                self.recent.add(digest)
        self.count += sum(are_new)
        if len(self.recent) >= RUN_IDS:
            self.runs.append(_Run.of(self.recent))
            self.recent = set()
        return are_new

    def _in_runs(self, digests: Sequence[bytes]) -> npt.NDArray[np.bool_]:
        first, second = _halves(digests)
        known = np.zeros(len(digests), bool)
        for run in self.runs:
            known |= run.has(first, second)
        return known


class _Run(NamedTuple):
    """Hashes sorted by their first halves."""

    first: Halves
    second: Halves

    @classmethod
    def of(cls, digests: set[bytes]) -> "_Run":
        first, second = _halves(list(digests))
        order = np.argsort(first)
        return cls(first[order], second[order])

    def has(self, first: Halves, second: Halves) -> npt.NDArray[np.bool_]:
        start = np.searchsorted(self.first, first)
        place = start.clip(max=len(self.first) - 1)
        found: npt.NDArray[np.bool_] = (self.first[place] == first) & (self.second[place] == second)
        end = np.searchsorted(self.first, first, side="right")
        for row in np.flatnonzero(end - start > 1):  # several with the same first half
            found[row] = second[row] in self.second[start[row] : end[row]]
        return found


def _digest(nm: str) -> bytes:
    return hashlib.blake2b(nm.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def _halves(digests: Sequence[bytes]) -> tuple[Halves, Halves]:
    halves = np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)
    return np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1])
