"""The names, sizes and stamps of very many files, in a few bytes each."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np
import numpy.typing as npt

from vitrina.store.file_info import FileInfo

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]

CHUNK = 2_000  # names hashed at a time


def hash_texts(texts: Sequence[str]) -> Hashes:
    """64-bit hashes, equal on all machines; file names that are not valid UTF-8 are allowed."""
    import pandas as pd  # here, for help and refusals answer without it

    encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
    hashes: Hashes = pd.util.hash_array(np.array(encoded, dtype=object), categorize=False)
    return hashes


@dataclass(frozen=True)
class CompactListing:
    """The files of a folder, 24 bytes each."""

    names: Hashes  # sorted
    stamps: Hashes  # one more than names: 0, for a file that is not there
    sizes: Positions  # one more than names: -1, for a file that is not there

    @classmethod
    def of(cls, listing: Iterable[tuple[str, FileInfo]]) -> Self:
        """Compact a listing, without ever holding all of its names."""
        names, stamps, sizes = array("Q"), array("Q"), array("q")  # which grow without copies
        files = iter(listing)
        while chunk := list(islice(files, CHUNK)):
            names.frombytes(hash_texts([name for name, _ in chunk]).tobytes())
            stamps.frombytes(hash_texts([info.stamp for _, info in chunk]).tobytes())
            sizes.extend(info.size for _, info in chunk)
        hashes = np.asarray(names)
        order = np.argsort(hashes)
        stamps.append(0)
        sizes.append(-1)
        with_missing = np.append(order, len(order))
        return cls(hashes[order], np.asarray(stamps)[with_missing], np.asarray(sizes)[with_missing])

    def find(self, names: Sequence[str]) -> tuple[Positions, Hashes]:
        """Size in bytes and stamp of each named file; size -1 and stamp 0 if it is not there."""
        places = positions(self.names, names)
        return self.sizes[places], self.stamps[places]


def positions(known: Hashes, names: Sequence[str]) -> Positions:
    """The position of each name's hash in the sorted ``known``; -1 if it is not among them."""
    if not len(known):
        return np.full(len(names), -1)
    wanted = hash_texts(names)
    order = np.argsort(wanted)  # sorted searches touch nearby memory
    found = np.empty(len(wanted), np.int64)
    found[order] = np.searchsorted(known, wanted[order]).clip(max=len(known) - 1)
    return np.where(known[found] == wanted, found, -1)
