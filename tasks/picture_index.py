"""What is known of a folder of resized pictures: which is there, made of what, and its hash.

The folder holds ``.index/*.parquet``, one row per picture tried: nm, stamp, size, hash, reason.
Files are only ever added whole, and removed once another holds their rows, so that a killed run
loses what it did last and two runs at once lose, at worst, each other's rows: a picture whose row
is lost is resized again. In memory a picture costs some tens of bytes, not its names.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from tasks.errors import UserError
from tasks.storage import FileInfo, listing, reading, remove, writing

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]

FOLDER = ".index"
SCHEMA = pa.schema(
    [
        ("nm", pa.string()),
        ("stamp", pa.uint64()),
        ("size", pa.int64()),
        ("hash", pa.string()),
        ("reason", pa.string()),
    ]
)
WRITE_ROWS, WRITE_SECONDS = 2_000, 30.0  # the most that a killed run does again
MAX_PARTS = 16
TRIES = 3


def hash_texts(texts: Sequence[str]) -> Hashes:
    """64-bit hashes, the same on every machine."""
    hashes: Hashes = pd.util.hash_array(np.array(texts, dtype=object), categorize=False)
    return hashes


def hash_picture(jpeg: bytes) -> str:
    """The content hash of a resized picture."""
    return hashlib.blake2b(jpeg, digest_size=10).hexdigest()


class Outcome(NamedTuple):
    """What became of a picture: the size and hash of the resized one, or why there is none."""

    nm: str
    stamp: int
    size: int
    hash: str
    reason: str


@dataclass(frozen=True)
class Files:
    """A listing in a compact form: 24 bytes a file."""

    names: Hashes  # sorted
    stamps: Hashes
    sizes: Positions

    @classmethod
    def of(cls, listing: dict[str, FileInfo]) -> Self:
        """The compact form of a listing."""
        names = hash_texts(list(listing))
        order = np.argsort(names)
        stamps = hash_texts([info.stamp for info in listing.values()])
        sizes = np.fromiter((info.size for info in listing.values()), np.int64, len(listing))
        return cls(names[order], stamps[order], sizes[order])

    def find(self, names: Sequence[str]) -> tuple[Positions, Hashes]:
        """Size and stamp of each named file; size -1 where there is none."""
        positions = _find(self.names, names)
        sizes, stamps = np.append(self.sizes, -1), np.append(self.stamps, np.uint64(0))
        return sizes[positions], stamps[positions]


def _find(known: Hashes, names: Sequence[str]) -> Positions:
    if not len(known):
        return np.full(len(names), -1)
    wanted = hash_texts(names)
    positions = np.searchsorted(known, wanted).clip(max=len(known) - 1)
    return np.where(known[positions] == wanted, positions, -1)


@dataclass
class PictureIndex:
    """The rows of ``.index``. New ones are written every now and then."""

    folder: UPath
    parts: list[UPath]
    rows: pa.Table  # one per nm, in the order of names
    names: Hashes  # sorted
    new: list[Outcome] = field(default_factory=list)
    written: float = field(default_factory=time.monotonic)

    @classmethod
    def load(cls, pictures: UPath) -> Self:
        """The index of a folder of resized pictures; empty if there is none."""
        folder = pictures / FOLDER
        for tries_left in reversed(range(TRIES)):
            parts = [folder / name for name in sorted(listing(folder)) if name.endswith(".parquet")]
            try:
                return cls(folder, parts, *_newest(_read(parts)))
            except UserError:  # another run may just have put several parts together
                if not tries_left:
                    raise
        raise AssertionError("unreachable")

    @classmethod
    def empty(cls, pictures: UPath) -> Self:
        """An index that knows of no picture, so that every one is made again."""
        return cls(pictures / FOLDER, [], *_newest([]))

    def find(self, ids: Sequence[str]) -> list[Outcome | None]:
        """What is known of each id's picture."""
        positions = _find(self.names, ids)
        found = self.rows.take(pa.array(positions[positions >= 0])).to_pylist()
        rows = iter(found)
        return [Outcome(**next(rows)) if position >= 0 else None for position in positions]

    @contextmanager
    def recording(self) -> Iterator[Callable[[Outcome], None]]:
        """Keep what becomes of pictures: the outcomes that what you get is called with."""
        try:
            yield self._record
        finally:
            self._write()
        self._tidy()

    def _record(self, outcome: Outcome) -> None:
        self.new.append(outcome)
        late = time.monotonic() - self.written > WRITE_SECONDS
        if late or len(self.new) >= WRITE_ROWS:
            self._write()

    def _write(self) -> None:
        if self.new:
            self._add(pa.Table.from_pylist([row._asdict() for row in self.new], SCHEMA))
            self.new.clear()
        self.written = time.monotonic()

    def _tidy(self) -> None:
        """Put many parts together into one, on a run that ended well."""
        if len(self.parts) > MAX_PARTS:
            merged = self.parts.copy()
            self._add(_newest(_read(merged))[0])
            remove(merged)
            del self.parts[: len(merged)]

    def _add(self, rows: pa.Table) -> None:
        # The name sorts by time; of two rows of one nm the later counts.
        part = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.parquet"
        with writing(part) as aside:
            pq.write_table(rows, aside)
        self.parts.append(part)


def _read(parts: Iterable[UPath]) -> list[pa.Table]:
    tables = []
    for part in parts:
        with reading(part) as local:
            tables.append(pq.read_table(local, schema=SCHEMA))
    return tables


def _newest(tables: list[pa.Table]) -> tuple[pa.Table, Hashes]:
    """The last row of each nm, sorted by the hash of nm, and those hashes."""
    rows = pa.concat_tables([SCHEMA.empty_table(), *tables]).combine_chunks()
    hashes = hash_texts(rows.column("nm").to_pylist())
    names, from_end = np.unique(hashes[::-1], return_index=True)
    return rows.take(pa.array(len(hashes) - 1 - from_end)).combine_chunks(), names
