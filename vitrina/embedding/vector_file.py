"""The vectors in an NPZ, read a part at a time.

Unlike those of a memory-mapped array, rows that were read do not stay in this process's memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from vitrina.embedding.npz_reader import StoredArray, stored_array
from vitrina.embedding.reuse import Column
from vitrina.embedding.shard_file import Vectors

RowNumbers = npt.NDArray[np.int64]

CLOSE = 2  # rows that lie within this many times their number are read at once


@dataclass(frozen=True)
class VectorFile:
    """An NPZ with ``text`` and ``img``, float32 (rows, embed_dim); may be used by many threads."""

    path: Path
    text: StoredArray
    img: StoredArray

    @classmethod
    def open(cls, path: Path) -> "VectorFile":
        """The vectors of an NPZ. Raises KeyError or ValueError if it is not one of an embedding."""
        return cls(path, stored_array(path, "text"), stored_array(path, "img"))

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows, and of values in a vector."""
        rows, dim = self.text.shape
        return rows, dim

    def read(self, column: Column, rows: RowNumbers) -> Vectors:
        """The vectors of these rows, in their order, float32 (rows, embed_dim)."""
        array = self.text if column == "text" else self.img
        with self.path.open("rb", buffering=0) as file:
            return _read(file, array, rows)

    def joined(self, rows: RowNumbers, weights: Sequence[float]) -> Vectors:
        """Text and image vectors side by side, float32 (rows, 2 × embed_dim).

        Their product is the mean of both cosines with these weights, which sum to 1.
        """
        columns: tuple[Column, Column] = ("text", "img")
        parts = [
            self.read(column, rows) * np.float32(np.sqrt(weight))
            for column, weight in zip(columns, weights, strict=True)
        ]
        return np.concatenate(parts, axis=1)


def _read(file: IO[bytes], array: StoredArray, rows: RowNumbers) -> Vectors:
    vectors = np.empty((len(rows), array.shape[1]), np.float32)
    if not len(rows):
        return vectors
    first, last = int(rows.min()), int(rows.max())
    if last - first < CLOSE * len(rows):
        block = np.empty((last - first + 1, array.shape[1]), np.float32)
        _fill(file, array, first, block)
        return np.take(block, rows - first, axis=0, out=vectors)
    for position in np.argsort(rows):  # neighbours in the file one after another
        _fill(file, array, int(rows[position]), vectors[position])
    return vectors


def _fill(file: IO[bytes], array: StoredArray, row: int, target: Vectors) -> None:
    """Read as many values as ``target`` has, from the beginning of a row."""
    file.seek(array.offset + row * array.shape[1] * array.dtype.itemsize)
    read = file.readinto(target)  # type: ignore[attr-defined]  # a raw file has it, IO[bytes] not
    if read != target.nbytes:
        raise OSError(f"{file.name} ends within row {row}")
