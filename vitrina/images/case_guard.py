"""Whether a file that was found in other case is the image of another row, named exactly so."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vitrina.images.compact_listing import Hashes, hash_texts

NONE: Hashes = np.empty(0, np.uint64)


@dataclass
class CaseGuard:
    """Files that were found in other case, and those of them that belong to other rows.

    Ids such as ``aB3`` and ``ab3`` may be different listings. So after all rows have been looked at
    they are looked at again: a file is refused to a row that asked for it in other case if another
    row asks for exactly that file.
    """

    _used: "array[int]" = field(default_factory=lambda: array("Q"))
    _watched: Hashes = field(default_factory=NONE.copy)
    _refused: set[int] = field(default_factory=set)
    _rounds: int = 0

    def allows(self, file: str) -> bool:
        """Whether a file may be used by a row that asked for it in other case."""
        (name,) = hash_texts([file]).tolist()
        if not self._rounds:
            self._used.append(name)
        return name not in self._refused

    def note_exact(self, files: Sequence[str]) -> None:
        """Note files that rows have asked for by exactly their names."""
        if len(self._watched):
            self._refused.update(np.intersect1d(hash_texts(files), self._watched).tolist())

    def look_again(self) -> bool:
        """Whether all rows must be looked at once more, now that all of them have been."""
        self._rounds += 1
        if self._rounds == 1:
            self._watched = np.unique(np.asarray(self._used))
            return bool(len(self._watched))
        self._watched = NONE
        return self._rounds == 2 and bool(self._refused)
