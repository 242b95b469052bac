"""Vectors of an earlier embedding, found by the hash of what they were computed of."""

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


@dataclass(frozen=True)
class ReuseIndex:
    """Where each key of a column stands in the shards: 16 bytes a row, whatever the shards hold."""

    shards: Sequence[UPath]
    column: Column
    hashes: npt.NDArray[np.uint64]  # sorted
    places: npt.NDArray[np.int64]  # shard << 32 | row, in the order of the hashes

    @staticmethod
    def of(shards: Sequence[UPath], column: Column) -> "ReuseIndex":
        """The index of finished shards."""
        hashes, places = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for number, shard in enumerate(shards):
            found = _hashes(read_column(shard, KEY_OF[column]))
            hashes.append(found)
            places.append((number << 32) + np.arange(len(found), dtype=np.int64))
        joined = np.concatenate(hashes)
        order = np.argsort(joined, kind="stable")
        return ReuseIndex(shards, column, joined[order], np.concatenate(places)[order])

    def part(self, keys: Sequence[str]) -> "ReuseIndex":
        """What of the index concerns these keys, with the shards that hold them and no others."""
        wanted = np.unique(_hashes(keys))
        at = np.searchsorted(self.hashes, wanted)
        within = at < len(self.hashes)
        at = at[within][self.hashes[at[within]] == wanted[within]]
        numbers, renumbered = np.unique(self.places[at] >> 32, return_inverse=True)
        return ReuseIndex(
            [self.shards[number] for number in numbers],
            self.column,
            self.hashes[at],
            (renumbered.astype(np.int64) << 32) + (self.places[at] & 0xFFFF_FFFF),
        )

    def take(self, keys: Sequence[str], dim: int) -> tuple[Vectors, npt.NDArray[np.bool_]]:
        """float32 (keys, dim) with the known vectors, zeros elsewhere; and which are known.

        Reads each shard that holds one of them once.
        """
        vectors = np.zeros((len(keys), dim), dtype=np.float32)
        known = np.zeros(len(keys), dtype=np.bool_)
        places = self._places(keys)
        for number in np.unique(places[places >= 0] >> 32):
            shard = self.shards[number]
            wanted = np.flatnonzero((places >= 0) & (places >> 32 == number))
            rows = places[wanted] & 0xFFFF_FFFF
            present = read_column(shard, KEY_OF[self.column])
            # 64 bits of the hash found the row; the key itself decides
            same = np.array(
                [
                    present[int(row)] == keys[int(want)]
                    for row, want in zip(rows, wanted, strict=True)
                ]
            )
            vectors[wanted[same]] = read_vectors(shard, self.column)[rows[same]]
            known[wanted[same]] = True
        return vectors, known

    def _places(self, keys: Sequence[str]) -> npt.NDArray[np.int64]:
        """Place of each key, -1 where there is none."""
        if not len(self.hashes):
            return np.full(len(keys), -1, dtype=np.int64)
        hashes = _hashes(keys)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[at] == hashes, self.places[at], -1)


def _hashes(keys: Sequence[object]) -> npt.NDArray[np.uint64]:
    digests = b"".join(blake2b(str(key).encode(), digest_size=8).digest() for key in keys)
    return np.frombuffer(digests, dtype=np.uint64)
