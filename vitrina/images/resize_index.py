"""The index of a folder of resized images: what each was made from, its size and its hash.

The folder holds ``.index/*.parquet`` with one row per image tried: its name (in a column called nm,
as most images are named after a listing), stamp, size, hash, reason; for one that was fetched also
what its server said of it, which is not loaded where nothing is fetched.
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
from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.errors import UserError
from vitrina.images.compact_listing import CHUNK, Hashes, hash_texts, positions
from vitrina.store.files import atomic_write, listing, local_read, remove

logger = logging.getLogger(__name__)

INDEX_FOLDER = ".index"
NAME = "nm"
SCHEMA = pa.schema(
    [
        (NAME, pa.string()),
        ("stamp", pa.uint64()),
        ("size", pa.int64()),
        ("hash", pa.string()),
        ("reason", pa.string()),
        ("etag", pa.string()),
        ("last_modified", pa.string()),
        ("status", pa.int32()),
        ("checked", pa.int64()),
    ]
)
OF_FETCHED = {"etag": "", "last_modified": "", "status": 0, "checked": 0}  # and their defaults
WRITE_ROWS, WRITE_SECONDS = 2_000, 30.0  # at most this much is lost when a run is killed
MAX_PARTS = 16  # files, above which they are merged into one
TRIES = 3  # to read the index while another run may be merging its files


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
    # Of an image that was fetched:
    etag: str = ""
    last_modified: str = ""
    status: int = 0  # of HTTP
    checked: int = 0  # when, in seconds since 1970


@dataclass
class ResizeIndex:
    """The rows of ``.index``; new ones are written every WRITE_ROWS or WRITE_SECONDS."""

    folder: UPath
    parts: list[UPath]
    rows: pa.Table  # one per image, in the order of names
    names: Hashes  # sorted
    columns: Sequence[str]  # that are loaded
    new: list[ResizeOutcome] = field(default_factory=list)
    written: float = field(default_factory=time.monotonic)

    @classmethod
    def load(cls, resized: UPath, *, of_fetched: bool = False) -> Self:
        """The index of a folder of resized images; empty if there is none.

        ``of_fetched`` also loads what is known of images that were fetched.
        """
        folder = resized / INDEX_FOLDER
        for _ in range(TRIES - 1):
            with suppress(UserError):  # another run may just have merged the files
                return cls._load(folder, of_fetched)
        return cls._load(folder, of_fetched)

    @classmethod
    def _load(cls, folder: UPath, of_fetched: bool) -> Self:
        names = sorted(name for name, _ in listing(folder) if name.endswith(".parquet"))
        return cls._of(folder, [folder / name for name in names], of_fetched)

    @classmethod
    def empty(cls, resized: UPath, *, of_fetched: bool = False) -> Self:
        """An index without rows, so that every image is resized again."""
        return cls._of(resized / INDEX_FOLDER, [], of_fetched)

    @classmethod
    def _of(cls, folder: UPath, parts: list[UPath], of_fetched: bool) -> Self:
        columns = [name for name in SCHEMA.names if of_fetched or name not in OF_FETCHED]
        return cls(folder, parts, *_newest(_read(parts, columns)), columns)

    def with_new(self) -> Self:
        """The index with what was recorded since it was loaded."""
        return self._of(self.folder, self.parts, "checked" in self.columns)

    def find(self, names: Sequence[str]) -> list[ResizeOutcome | None]:
        """The last outcome of each named image, None if it is not known."""
        places = positions(self.names, names)
        known = self.rows.take(pa.array(places[places >= 0]))
        rows = map(ResizeOutcome, *(column.to_pylist() for column in known.columns))
        by_hash = [next(rows) if place >= 0 else None for place in places]
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
                self._add(_newest(_read(merged, SCHEMA.names))[0])
                self.parts = self.parts[-1:]
                remove(merged)

    def _add(self, rows: pa.Table) -> None:
        # Names sort by time, as of two rows of the same image the later one counts.
        part = self.folder / f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.parquet"
        with atomic_write(part) as temp_file:
            pq.write_table(rows, temp_file)
        self.parts.append(part)


def _read(parts: Iterable[UPath], columns: Sequence[str]) -> list[pa.Table]:
    """The parts' rows; those of an older version lack what is known of fetched images."""
    schema = pa.schema([SCHEMA.field(name) for name in columns])
    tables = [schema.empty_table()]
    for part in parts:
        # Not read_table, which imports pyarrow.dataset: 30 ms in a run that finds everything done.
        with local_read(part) as local, pq.ParquetFile(local) as file:
            rows = file.read(list(columns))
        for name in OF_FETCHED.keys() & set(columns) - set(rows.schema.names):
            default = pa.scalar(OF_FETCHED[name], SCHEMA.field(name).type)
            rows = rows.append_column(name, pa.repeat(default, len(rows)))
        tables.append(rows.select(list(columns)).cast(schema))
    return tables


def _newest(tables: list[pa.Table]) -> tuple[pa.Table, Hashes]:
    """The last row of each image, sorted by the hash of its name, and those hashes."""
    rows = pa.concat_tables(tables)
    hashes = array("Q")
    for batch in rows.select([NAME]).to_batches(CHUNK):
        hashes.frombytes(hash_texts(batch.column(NAME).to_pylist()).tobytes())
    names, from_end = np.unique(np.asarray(hashes)[::-1], return_index=True)
    order = pa.array(len(hashes) - 1 - from_end)
    # Column by column: taking whole tables would hold them in memory four times.
    columns = [rows.column(name).take(order).combine_chunks() for name in rows.schema.names]
    return pa.Table.from_arrays(columns, schema=rows.schema), names
