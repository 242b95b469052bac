"""The keys of a run's listings: what decides each one's text vector, image vector and columns.

They take some 50 bytes a listing, where its vectors take 4 kB, and stand for the whole run when two
runs are compared: the vectors and the table of the earlier one need not be there any more. Listings
are in buckets by a hash of their id, and one bucket of each run is in memory at a time.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.parquet_batches import ParquetReader
from vitrina.catalog.processed_table import NM
from vitrina.embedding.shard_file import read_keys
from vitrina.feed.columns_key import columns_keys
from vitrina.store.files import atomic_write, local_read

BUCKETS = 64
PART_ROWS = 250_000  # listings in memory while keys are written
BATCH_ROWS = 5_000
KEYS = ("text_key", "image_key", "columns_key")
READERS = 16  # shards read at a time; each takes two requests on S3


def schema(nm_type: pa.DataType) -> pa.Schema:
    """The columns of keys; ``row`` is the listing's position in the table and in the NPZ."""
    texts = [(name, pa.string()) for name in KEYS]
    return pa.schema([(NM, nm_type), ("row", pa.int64()), *texts])


def run_keys(table: UPath, shards: Sequence[UPath], root: str) -> Iterator[pa.Table]:
    """The keys of all listings of a run, in the order of its table.

    ``root`` is that of the store. Raises ValueError if the shards are not of this table.
    """
    with local_read(table) as local:
        reader = ParquetReader(local, table)
        batches = reader.batches(BATCH_ROWS, reader.schema.names)
        of_columns = chain.from_iterable(columns_keys(batch, root) for batch in batches)
        start = 0
        for keys in _of_shards(shards):
            found = pa.array(islice(of_columns, len(keys)), pa.string())
            if len(found) != len(keys):
                raise ValueError(f"{table} has fewer rows than its embedding: {shards[0].parent}")
            row = pa.array(np.arange(start, start + len(keys)), pa.int64())
            columns = [keys[NM], row, keys["text_key"], keys["image_key"], found]
            yield pa.Table.from_arrays(columns, schema=schema(keys[NM].type))
            start += len(keys)


def _of_shards(shards: Sequence[UPath]) -> Iterator[pa.Table]:
    """nm, text_key and image_key of each shard."""
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(shards), READERS):
            yield from pool.map(read_keys, shards[start : start + READERS])


def write_keys(folder: UPath, keys: Iterable[pa.Table]) -> list[str]:
    """Write keys into parts of at most about ``PART_ROWS`` listings; returns the files' names."""
    names: list[str] = []
    waiting: list[pa.Table] = []
    for table in keys:
        waiting.append(table)
        if sum(map(len, waiting)) >= PART_ROWS:
            names.append(_write_part(folder, len(names), waiting))
            waiting = []
    if waiting or not names:
        names.append(_write_part(folder, len(names), waiting))
    return names


def _write_part(folder: UPath, number: int, tables: Sequence[pa.Table]) -> str:
    """One file, with a row group for each bucket."""
    table = pa.concat_tables(tables) if tables else schema(pa.int64()).empty_table()
    buckets = np.array([bucket_of(nm) for nm in table[NM].to_pylist()], np.int64)
    table = table.take(pa.array(np.argsort(buckets, kind="stable")))
    bounds = np.concatenate([[0], np.cumsum(np.bincount(buckets, minlength=BUCKETS))])
    name = f"part-{number:05d}.parquet"
    with (
        atomic_write(folder / name, table.nbytes) as temp_file,
        pq.ParquetWriter(temp_file, table.schema, compression="zstd") as writer,
    ):
        for first, end in pairwise(bounds.tolist()):
            rows = max(1, end - first)
            writer.write_table(table.slice(first, end - first), row_group_size=rows)
    return name


def bucket_of(nm: int | str) -> int:
    """The bucket of an id, whether it is stored as an integer or as text."""
    return zlib.crc32(str(nm).encode()) % BUCKETS


@dataclass(frozen=True)
class StoredKeys:
    """Keys that :func:`write_keys` has written, to be read by buckets."""

    parts: Sequence[pq.ParquetFile]

    @property
    def nm_type(self) -> pa.DataType | None:
        """int64 or string; None if there are no parts."""
        return self.parts[0].schema_arrow.field(NM).type if self.parts else None

    @property
    def rows(self) -> int:
        """Number of listings."""
        return sum(part.metadata.num_rows for part in self.parts)

    def read(self, buckets: Iterable[int], nm_type: pa.DataType) -> pa.Table:
        """The keys in some buckets, with ids of this type."""
        numbers = list(buckets)
        groups = (part.read_row_groups(numbers) for part in self.parts)
        own = [group.cast(schema(nm_type)) for group in groups]
        return pa.concat_tables([schema(nm_type).empty_table(), *own])


@contextmanager
def open_keys(paths: Iterable[UPath]) -> Iterator[StoredKeys]:
    """The keys in these files, local or on S3; without files there are none."""
    with ExitStack() as stack:
        local = [stack.enter_context(local_read(path)) for path in paths]
        yield StoredKeys([stack.enter_context(pq.ParquetFile(path)) for path in local])
