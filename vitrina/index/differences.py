"""Which rows of a table differ from those wanted, by 16 bytes a row in memory."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True)
class RowKeys:
    """The ids of rows, as 64-bit integers, and a hash of the content of each."""

    ids: npt.NDArray[np.int64]
    keys: npt.NDArray[np.int64]

    @classmethod
    def of(cls, parts: Iterable[tuple[pa.Array, npt.NDArray[np.int64]]]) -> "RowKeys":
        """Those of ids, int64 or text, and keys, part by part."""
        ids, keys = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for nm, row_keys in parts:
            ids.append(id_numbers(nm))
            keys.append(row_keys)
        return cls(np.concatenate(ids), np.concatenate(keys))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def checksum(self) -> tuple[int, int]:
        """The number of rows and the sum of their keys: equal for equal rows in any order."""
        return len(self), int(self.keys.sum(dtype=np.int64))


@dataclass(frozen=True)
class Differences:
    """Which of the wanted rows to write, as a mask, and the ids of the present ones to remove."""

    written: npt.NDArray[np.bool_]
    removed: npt.NDArray[np.int64]

    @property
    def count(self) -> int:
        """The number of rows that differ."""
        return int(self.written.sum()) + len(self.removed)


def differences(present: RowKeys, wanted: RowKeys) -> Differences:
    """What has to be done to the present rows, so that they are the wanted ones."""
    if not len(present):
        return Differences(np.ones(len(wanted), np.bool_), present.ids)
    order = np.argsort(present.ids, kind="stable")
    place = np.searchsorted(present.ids, wanted.ids, sorter=order)
    row = order[np.minimum(place, len(order) - 1)]
    is_present = present.ids[row] == wanted.ids
    stays = np.zeros(len(present), np.bool_)
    stays[row[is_present]] = True
    is_same = is_present & (present.keys[row] == wanted.keys)
    return Differences(~is_same, present.ids[~stays])


def id_numbers(nm: pa.Array) -> npt.NDArray[np.int64]:
    """Integers as they are, texts as 64-bit hashes."""
    if pa.types.is_integer(nm.type):
        numbers: npt.NDArray[np.int64] = nm.cast(pa.int64()).to_numpy()
        return numbers
    return text_hashes(nm)


def text_hashes(texts: pa.Array) -> npt.NDArray[np.int64]:
    """64-bit hashes of texts, none of which is null."""
    import pandas as pd  # here, for help and refusals answer without it

    values = np.asarray(texts.to_pylist(), dtype=object)
    return pd.util.hash_array(values, categorize=False).view(np.int64)
