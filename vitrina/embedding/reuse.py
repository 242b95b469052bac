"""Find the vectors of an earlier embedding by the hash of their text or image."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
import numpy.typing as npt
from upath import UPath

from vitrina.embedding.shard_file import Vectors, read_column, read_vectors

Column = Literal["text", "img"]
COLUMNS: tuple[Column, ...] = ("text", "img")
KEY_OF: dict[Column, str] = {"text": "text_key", "img": "image_key"}
ROW_BITS = 32
ROW_MASK = (1 << ROW_BITS) - 1


@dataclass(frozen=True)
class ReuseIndex:
    """The position in finished shards of each key of a column; 16 bytes a row in memory."""

    shards: Sequence[UPath]
    column: Column
    hashes: npt.NDArray[np.uint64]  # of the keys, sorted
    positions: npt.NDArray[np.int64]  # of each hash: shard << ROW_BITS | row

    @staticmethod
    def of(shards: Sequence[UPath], column: Column) -> "ReuseIndex":
        """The index of finished shards."""
        hashes, positions = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for number, shard in enumerate(shards):
            hashes.append(_hashes(read_column(shard, KEY_OF[column])))
            rows = np.arange(len(hashes[-1]), dtype=np.int64)
            positions.append((number << ROW_BITS) + rows)
        joined = np.concatenate(hashes)
        order = np.argsort(joined, kind="stable")
        return ReuseIndex(shards, column, joined[order], np.concatenate(positions)[order])

    def subset(self, keys: Sequence[str]) -> "ReuseIndex":
        """An index of these keys alone, and of only the shards that hold them."""
        wanted = np.unique(_hashes(keys))
        entries = np.searchsorted(self.hashes, wanted)
        in_range = entries < len(self.hashes)
        entries = entries[in_range][self.hashes[entries[in_range]] == wanted[in_range]]
        numbers, renumbered = np.unique(self.positions[entries] >> ROW_BITS, return_inverse=True)
        rows = self.positions[entries] & ROW_MASK
        return ReuseIndex(
            [self.shards[number] for number in numbers],
            self.column,
            self.hashes[entries],
            (renumbered.astype(np.int64) << ROW_BITS) + rows,
        )

    def lookup(self, keys: Sequence[str], dim: int) -> tuple[Vectors, npt.NDArray[np.bool_]]:
        """Vectors float32 (keys, dim), zero where there is none, and a mask of those that exist.

        Reads each shard that holds one of them once.
        """
        vectors = np.zeros((len(keys), dim), dtype=np.float32)
        is_known = np.zeros(len(keys), dtype=np.bool_)
        positions = self._positions(keys)
        for number in np.unique(positions[positions >= 0] >> ROW_BITS):
            shard = self.shards[number]
            wanted = np.flatnonzero((positions >= 0) & (positions >> ROW_BITS == number))
            rows = positions[wanted] & ROW_MASK
            stored_keys = read_column(shard, KEY_OF[self.column])
            # The index compares 64 bits of a hash, so the keys themselves must be compared too.
            same = np.array(
                [
                    stored_keys[int(row)] == keys[int(index)]
                    for row, index in zip(rows, wanted, strict=True)
                ]
            )
            vectors[wanted[same]] = read_vectors(shard, self.column)[rows[same]]
            is_known[wanted[same]] = True
        return vectors, is_known

    def _positions(self, keys: Sequence[str]) -> npt.NDArray[np.int64]:
        """The position of each key, -1 for unknown ones."""
        if not len(self.hashes):
            return np.full(len(keys), -1, dtype=np.int64)
        hashes = _hashes(keys)
        entries = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[entries] == hashes, self.positions[entries], -1)


def _hashes(keys: Sequence[object]) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each key."""
    digests = b"".join(blake2b(str(key).encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, dtype=np.uint64)
