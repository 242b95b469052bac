"""The index of a folder of resized images: what each was made from, its size and its hash.

The folder holds ``.index/*.parquet`` with one row per image tried: its name (in a column called nm,
as most images are named after a listing), stamp, size, hash, reason.
Index files are only added whole, and removed once another file holds their rows. A killed run
loses its last rows, and two concurrent runs at worst each other's; an image whose row is lost is
resized again. In memory, images are found by 64-bit hashes, some tens of bytes each.
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
from vitrina.store.file_info import FileInfo
from vitrina.store.files import atomic_write, listing, local_read, remove

logger = logging.getLogger(__name__)

Hashes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]

INDEX_FOLDER = ".index"
NAME = "nm"
SCHEMA = pa.schema(
    [
        (NAME, pa.string()),
        ("stamp", pa.uint64()),
        ("size", pa.int64()),
        ("hash", pa.string()),
        ("reason", pa.string()),
    ]
)
WRITE_ROWS, WRITE_SECONDS = 2_000, 30.0  # at most this much is lost when a run is killed
MAX_PARTS = 16  # files, above which they are merged into one
CHUNK = 2_000  # names hashed at a time
TRIES = 3  # to read the index while another run may be merging its files


def hash_texts(texts: Sequence[str]) -> Hashes:
    """64-bit hashes, equal on all machines; file names that are not valid UTF-8 are allowed."""
    encoded = [text.encode("utf-8", "surrogateescape") for text in texts]
    hashes: Hashes = pd.util.hash_array(np.array(encoded, dtype=object), categorize=False)
    return hashes


def hash_image(jpeg: bytes) -> str:
    """The content hash of a resized image."""
    return hashlib.blake2b(jpeg, digest_size=10).hexdigest()


class ResizeOutcome(NamedTuple):
    """The result for one image: size and hash of the resized one, or why it is rejected."""

    name: str  # of the resized image, without .jpg
    stamp: int  # of the original's file and the settings, see ResizePlanner.plan
    size: int  # bytes, 0 if rejected
    hash: str  # empty if rejected
    reason: str  # a RejectionReason; empty if resized


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
        positions = _positions(self.names, names)
        return self.sizes[positions], self.stamps[positions]


def _positions(known: Hashes, names: Sequence[str]) -> Positions:
    """The position of each name's hash in the sorted ``known``; -1 if it is not among them."""
    if not len(known):
        return np.full(len(names), -1)
    wanted = hash_texts(names)
    order = np.argsort(wanted)  # sorted searches touch nearby memory
    positions = np.empty(len(wanted), np.int64)
    positions[order] = np.searchsorted(known, wanted[order]).clip(max=len(known) - 1)
    return np.where(known[positions] == wanted, positions, -1)


@dataclass
class ResizeIndex:
    """The rows of ``.index``; new ones are written every WRITE_ROWS or WRITE_SECONDS."""

    folder: UPath
    parts: list[UPath]
    rows: pa.Table  # one per image, in the order of names
    names: Hashes  # sorted
    new: list[ResizeOutcome] = field(default_factory=list)
    written: float = field(default_factory=time.monotonic)

    @classmethod
    def load(cls, resized: UPath) -> Self:
        """The index of a folder of resized images; empty if there is none."""
        folder = resized / INDEX_FOLDER
        for _ in range(TRIES - 1):
            with suppress(UserError):  # another run may just have merged the files
                return cls._load(folder)
        return cls._load(folder)

    @classmethod
    def _load(cls, folder: UPath) -> Self:
        names = sorted(name for name, _ in listing(folder) if name.endswith(".parquet"))
        parts = [folder / name for name in names]
        return cls(folder, parts, *_newest(_read(parts)))

    @classmethod
    def empty(cls, resized: UPath) -> Self:
        """An index without rows, so that every image is resized again."""
        return cls(resized / INDEX_FOLDER, [], *_newest([]))

    def find(self, names: Sequence[str]) -> list[ResizeOutcome | None]:
        """The last outcome of each named image, None if it is not known."""
        positions = _positions(self.names, names)
        known = self.rows.take(pa.array(positions[positions >= 0]))
        rows = map(ResizeOutcome, *(column.to_pylist() for column in known.columns))
        by_hash = [next(rows) if position >= 0 else None for position in positions]
        return [
            row if row and row.name == name else None
            for row, name in zip(by_hash, names, strict=True)
        ]

    @contextmanager
    def recording(self) -> Iterator[Callable[[ResizeOutcome], None]]:
        """Yield a function that records an outcome; what it was given is written in the end."""
        try:
            yield self._record
        except BaseException:
            try:
                self._write()
            except Exception as error:  # noqa: BLE001 - the first error is the one to raise
                logger.warning("the last images will be resized again next time: %s", error)
            raise
        self._write()
        self._merge_parts()

    def _record(self, outcome: ResizeOutcome) -> None:
        self.new.append(outcome)
        is_due = time.monotonic() - self.written > WRITE_SECONDS
        if is_due or len(self.new) >= WRITE_ROWS:
            self._write()

    def _write(self) -> None:
        if self.new:
            self._add(pa.table([list(column) for column in zip(*self.new, strict=True)], SCHEMA))
            self.new.clear()
        self.written = time.monotonic()

    def _merge_parts(self) -> None:
        """Merge the files into one if there are many."""
        if len(self.parts) > MAX_PARTS:
            merged = self.parts.copy()
            with suppress(UserError):  # another run has merged them
                self._add(_newest(_read(merged))[0])
                remove(merged)

    def _add(self, rows: pa.Table) -> None:
        # Names sort by time, as of two rows of the same image the later one counts.
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
    """The last row of each image, sorted by the hash of its name, and those hashes."""
    rows = pa.concat_tables([SCHEMA.empty_table(), *tables])
    hashes = array("Q")
    for batch in rows.select([NAME]).to_batches(CHUNK):
        hashes.frombytes(hash_texts(batch.column(NAME).to_pylist()).tobytes())
    names, from_end = np.unique(np.asarray(hashes)[::-1], return_index=True)
    order = pa.array(len(hashes) - 1 - from_end)
    # Column by column: taking whole tables would hold them in memory four times.
    columns = [rows.column(name).take(order).combine_chunks() for name in SCHEMA.names]
    return pa.Table.from_arrays(columns, schema=SCHEMA), names
