"""What is known of a folder of resized images: which is there, made of what, and its hash.

The folder holds ``.index/*.parquet``, one row per image tried: nm, stamp, size, hash, reason.
Files are only ever added whole, and removed once another holds their rows, so that a killed run
loses what it did last and two runs at once lose, at worst, each other's rows: an image whose row
is lost is resized again. In memory an image costs some tens of bytes, not its names.
"""

import hashlib
import logging
import time
import uuid
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.files import FileInfo, atomic_write, listing, local_read, remove

logger = logging.getLogger(__name__)

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
CHUNK = 2_000
TRIES = 3


def hash_texts(texts: Sequence[str]) -> Hashes:
    """64-bit hashes, the same on every machine; names that are no UTF-8 have one too."""
    encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
    hashes: Hashes = pd.util.hash_array(np.array(encoded, dtype=object), categorize=False)
    return hashes


def hash_image(jpeg: bytes) -> str:
    """The content hash of a resized image."""
    return hashlib.blake2b(jpeg, digest_size=10).hexdigest()


class ResizeOutcome(NamedTuple):
    """What became of an image: the size and hash of the resized one, or why there is none."""

    nm: str
    stamp: int
    size: int
    hash: str
    reason: str


@dataclass(frozen=True)
class Files:
    """A listing in a compact form: 24 bytes a file."""

    names: Hashes  # sorted
    stamps: Hashes  # the last one, 0, and the last size, -1, are of no file
    sizes: Positions

    @classmethod
    def of(cls, listing: Iterable[tuple[str, FileInfo]]) -> Self:
        """The compact form of a listing, taken some thousand files at a time."""
        names, stamps, sizes = array("Q"), array("Q"), array("q")  # these grow in place
        files = iter(listing)
        while some := list(islice(files, CHUNK)):
            names.frombytes(hash_texts([name for name, _ in some]).tobytes())
            stamps.frombytes(hash_texts([info.stamp for _, info in some]).tobytes())
            sizes.extend(info.size for _, info in some)
        hashes = np.asarray(names)
        order = np.argsort(hashes)
        stamps.append(0)
        sizes.append(-1)
        with_none = np.append(order, len(order))
        return cls(hashes[order], np.asarray(stamps)[with_none], np.asarray(sizes)[with_none])

    def find(self, names: Sequence[str]) -> tuple[Positions, Hashes]:
        """Size and stamp of each named file; size -1 where there is none."""
        positions = _find(self.names, names)
        return self.sizes[positions], self.stamps[positions]


def _find(known: Hashes, names: Sequence[str]) -> Positions:
    """The place of each name's hash among the known ones, which are sorted; -1 if it is none."""
    if not len(known):
        return np.full(len(names), -1)
    wanted = hash_texts(names)
    order = np.argsort(wanted)  # in order, a search begins near the one before
    positions = np.empty(len(wanted), np.int64)
    positions[order] = np.searchsorted(known, wanted[order]).clip(max=len(known) - 1)
    return np.where(known[positions] == wanted, positions, -1)


@dataclass
class ResizeIndex:
    """The rows of ``.index``. New ones are written every now and then."""

    folder: UPath
    parts: list[UPath]
    rows: pa.Table  # one per nm, in the order of names
    names: Hashes  # sorted
    new: list[ResizeOutcome] = field(default_factory=list)
    written: float = field(default_factory=time.monotonic)

    @classmethod
    def load(cls, resized: UPath) -> Self:
        """The index of a folder of resized images; empty if there is none."""
        folder = resized / FOLDER
        for _ in range(TRIES - 1):
            with suppress(UserError):  # another run may just have put several parts together
                return cls._load(folder)
        return cls._load(folder)

    @classmethod
    def _load(cls, folder: UPath) -> Self:
        names = sorted(name for name, _ in listing(folder) if name.endswith(".parquet"))
        parts = [folder / name for name in names]
        return cls(folder, parts, *_newest(_read(parts)))

    @classmethod
    def empty(cls, resized: UPath) -> Self:
        """An index that knows of no image, so that every one is made again."""
        return cls(resized / FOLDER, [], *_newest([]))

    def find(self, ids: Sequence[str]) -> list[ResizeOutcome | None]:
        """What is known of each id's image."""
        positions = _find(self.names, ids)
        found = self.rows.take(pa.array(positions[positions >= 0])).to_pylist()
        rows = (ResizeOutcome(**row) for row in found)
        known = [next(rows) if position >= 0 else None for position in positions]
        return [row if row and row.nm == nm else None for row, nm in zip(known, ids, strict=True)]

    @contextmanager
    def recording(self) -> Iterator[Callable[[ResizeOutcome], None]]:
        """Keep what becomes of images: call what you get with each outcome."""
        try:
            yield self._record
        except BaseException:
            try:
                self._write()
            except Exception as error:  # noqa: BLE001 - the first failure is the one to raise
                logger.warning("what was resized last will be resized again: %s", error)
            raise
        self._write()
        self._tidy()

    def _record(self, outcome: ResizeOutcome) -> None:
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
        """Put many parts together into one."""
        if len(self.parts) > MAX_PARTS:
            merged = self.parts.copy()
            with suppress(UserError):  # another run has done it
                self._add(_newest(_read(merged))[0])
                remove(merged)

    def _add(self, rows: pa.Table) -> None:
        # The name sorts by time; of two rows of one nm the later counts.
        part = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.parquet"
        with atomic_write(part) as temp_file:
            pq.write_table(rows, temp_file)
        self.parts.append(part)


def _read(parts: Iterable[UPath]) -> list[pa.Table]:
    tables = []
    for part in parts:
        with local_read(part) as local:
            tables.append(pq.read_table(local, schema=SCHEMA))
    return tables


def _newest(tables: list[pa.Table]) -> tuple[pa.Table, Hashes]:
    """The last row of each nm, sorted by the hash of nm, and those hashes."""
    rows = pa.concat_tables([SCHEMA.empty_table(), *tables])
    hashes = array("Q")
    for batch in rows.select(["nm"]).to_batches(CHUNK):
        hashes.frombytes(hash_texts(batch.column("nm").to_pylist()).tobytes())
    names, from_end = np.unique(np.asarray(hashes)[::-1], return_index=True)
    order = pa.array(len(hashes) - 1 - from_end)
    # Column by column: whole tables would be in memory four times.
    columns = [rows.column(name).take(order).combine_chunks() for name in SCHEMA.names]
    return pa.Table.from_arrays(columns, schema=SCHEMA), names
