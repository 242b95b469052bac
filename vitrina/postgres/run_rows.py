"""The rows of a run as the database has them: columns and vectors, in the order of the table."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pgvector import HalfVector
from upath import UPath

from vitrina.catalog.column_names import missing_column
from vitrina.catalog.parquet_batches import ParquetReader
from vitrina.catalog.processed_table import CATEGORY, IMAGE_PATH, NM, TITLE
from vitrina.config.push import PushConfig
from vitrina.embedding.shard_file import Vectors, read_vectors, row_count
from vitrina.errors import UserError
from vitrina.index.rows import product_vectors
from vitrina.index.stored import latest_index
from vitrina.index.weight import EVEN
from vitrina.postgres.columns import Column, column_of
from vitrina.postgres.copying import Row
from vitrina.search.stored_run import StoredRun
from vitrina.store.files import local_read

BATCH_ROWS = 1_000
READERS = 16  # shards whose number of rows is read at a time; each takes two requests on S3
VECTORS = ("text", "img", "product")


class ShardVectors:
    """The vectors of a run's shards; those of the shard read last are in memory."""

    def __init__(self, shards: Sequence[UPath]) -> None:
        self._shards = shards
        with ThreadPoolExecutor(READERS) as pool:
            counts = list(pool.map(row_count, shards))
        self._starts = np.cumsum([0, *counts])
        self._number, self._vectors = -1, (np.zeros((0, 0), np.float32),) * 2

    def of(self, rows: npt.NDArray[np.int64]) -> tuple[Vectors, Vectors]:
        """The text and the image vectors, float32 (rows, embed_dim), of ascending rows."""
        numbers = np.searchsorted(self._starts, rows, side="right") - 1
        found = [
            self._read(number, rows[numbers == number] - self._starts[number])
            for number in np.unique(numbers).tolist()
        ]
        text, img = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return text, img

    def _read(self, number: int, rows: npt.NDArray[np.int64]) -> tuple[Vectors, Vectors]:
        if number != self._number:
            shard = self._shards[number]
            self._vectors = read_vectors(shard, "text"), read_vectors(shard, "img")
            self._number = number
        text, img = self._vectors
        return text[rows], img[rows]


@dataclass(frozen=True)
class RunRows:
    """The open table of a run, its vectors, and which of it the database gets."""

    reader: ParquetReader
    columns: tuple[Column, ...]
    vectors: ShardVectors
    moved: Callable[[str], str]  # the path that an image has now
    image_weight: float  # in the product vectors
    half: bool  # float16

    def batches(self, rows: npt.NDArray[np.int64]) -> Iterator[list[Row]]:
        """These rows of the table, ascending: the columns' values, then those of VECTORS."""
        names = [column.name for column in self.columns]
        start = 0
        for batch in self.reader.batches(BATCH_ROWS, names):
            first, last = np.searchsorted(rows, (start, start + batch.num_rows))
            if first < last:
                yield self._rows(batch, rows[first:last], start)
            start += batch.num_rows

    def _rows(self, batch: pa.RecordBatch, rows: npt.NDArray[np.int64], start: int) -> list[Row]:
        taken = batch.take(pa.array(rows - start))
        values = [self._values(column, taken.column(column.name)) for column in self.columns]
        text, img = self.vectors.of(rows)
        product = product_vectors(text, img, self.image_weight)
        vectors = [self._stored(one) for one in (text, img, product)]
        return list(zip(*values, *vectors, strict=True))

    def _values(self, column: Column, values: pa.Array) -> list[Any]:
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        found = column.values(values)
        return list(map(self.moved, found)) if column.name == IMAGE_PATH else found

    def _stored(self, vectors: Vectors) -> list[Any]:
        return [HalfVector(one) for one in vectors] if self.half else list(vectors)


def image_weight(run: StoredRun) -> float:
    """The share of the image in the product vectors: that of the run's index, if it has one."""
    index = latest_index(run.store)
    is_own = index is not None and index.checksums == run.result.checksums
    return index.result.image_weight if index and is_own else EVEN


@contextmanager
def open_rows(run: StoredRun, config: PushConfig) -> Iterator[RunRows]:
    """The rows of a run with the columns that are asked for.

    Raises UserError for a column that the table lacks or that PostgreSQL cannot have.
    """
    table = run.table()
    with local_read(table) as local:
        reader = ParquetReader(local, table)
        names = wanted_names(reader.schema, config.columns, str(table))
        yield RunRows(
            reader=reader,
            columns=tuple(column_of(name, reader.schema.field(name).type) for name in names),
            vectors=ShardVectors(run.embedding.shards),
            moved=run.moved,
            image_weight=image_weight(run),
            half=config.vector_type == "halfvec",
        )


def wanted_names(schema: pa.Schema, more: Sequence[str], table: str) -> list[str]:
    """nm, title, category where there is one, image_path, then ``more``; each once.

    Raises UserError for a name that the table lacks, or has twice.
    """
    own = [name for name in (NM, TITLE, CATEGORY, IMAGE_PATH) if name in schema.names]
    names = list(dict.fromkeys([*own, *more]))
    for name in names:
        if name not in schema.names:
            raise UserError(f"{missing_column(table, name, schema.names)} Correct --columns.")
        if schema.names.count(name) > 1:
            raise UserError(f"{table} has several columns {name!r}: leave it out of columns.")
    return names
