"""The rows of an index: the listings of a run with their vectors, as Arrow batches.

A row's key is a hash of everything in it, so that two states of a table are compared by 16 bytes a
row, and vectors are read only of rows that changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vitrina.catalog.parquet_batches import ParquetReader
from vitrina.catalog.processed_table import CATEGORY, IMAGE_PATH, NM, TITLE
from vitrina.embedding.shard_file import Vectors
from vitrina.index.columns import ROW_KEY, VECTORS, is_kept
from vitrina.index.differences import text_hashes
from vitrina.index.stored_vectors import VectorForm
from vitrina.index.vectors import RunVectors
from vitrina.store.paths import to_path

BATCH_ROWS = 5_000
SEPARATOR, NULL = "\x1f", "\x00"  # of the values of a row, to be hashed as one text


@dataclass(frozen=True)
class RunRows:
    """The rows of a run. ``table`` is a local Parquet file in the order of the vectors.

    ``columns`` are kept beside nm, title and category; ``image_weight`` is that of the product
    vectors, ``form`` what is stored of each vector: the whole of it unless it is given.
    """

    table: Path
    vectors: RunVectors
    columns: tuple[str, ...]
    image_weight: float
    form: VectorForm | None = None

    @cached_property
    def schema(self) -> pa.Schema:
        """nm, title, category if there is one, the chosen columns, image_path, vectors, row_key."""
        kinds = self._reader.schema
        shown = [pa.field(name, _plain(kinds.field(name).type)) for name in self._shown]
        return pa.schema(
            [
                pa.field(NM, self.vectors.nm_type),
                *shown,
                *(pa.field(name, self._form.arrow_type) for name in VECTORS),
                pa.field(ROW_KEY, pa.int64()),
            ]
        )

    @property
    def filter_columns(self) -> tuple[str, ...]:
        """The columns that can be filtered by."""
        return (NM, *(name for name in self._shown if name != IMAGE_PATH))

    def row_keys(self) -> Iterator[tuple[pa.Array, npt.NDArray[np.int64]]]:
        """nm and row key of the rows, shard by shard."""
        for shown, keys in self._listings():
            yield keys[NM].combine_chunks(), self._hashes(shown, keys)

    def batches(
        self, row_keys: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The rows with their vectors, shard by shard; with ``wanted`` only those.

        Both are of all rows of the run.
        """
        start = 0
        for shard, (shown, keys) in enumerate(self._listings()):
            own = slice(start, start + len(keys))
            rows = np.arange(len(keys)) if wanted is None else np.flatnonzero(wanted[own])
            if len(rows):
                text, img = self.vectors.read(shard, rows)
                product = product_vectors(text, img, self.image_weight)
                columns = [
                    keys[NM].take(rows),
                    *(shown[name].take(rows) for name in self._shown),
                    *(_fixed_lists(self._form.of(one)) for one in (text, img, product)),
                    pa.array(row_keys[own][rows]),
                ]
                yield from pa.Table.from_arrays(columns, schema=self.schema).to_batches()
            start = own.stop

    def _listings(self) -> Iterator[tuple[pa.Table, pa.Table]]:
        """For each shard its rows of the table, and nm, text_key and image_key of these."""
        batches = self._reader.batches(BATCH_ROWS, self._shown)
        waiting = pa.schema([self._reader.schema.field(name) for name in self._shown]).empty_table()
        for keys in self.vectors.shard_keys():
            while len(waiting) < len(keys) and (batch := next(batches, None)) is not None:
                waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
            if len(waiting) < len(keys):
                raise ValueError(f"{self.table} has fewer rows than its vectors")
            yield _decoded(waiting.slice(0, len(keys))), keys
            waiting = waiting.slice(len(keys))

    def _hashes(self, shown: pa.Table, keys: pa.Table) -> npt.NDArray[np.int64]:
        """int64 (rows,): equal if nothing in the row has changed."""
        weight = pa.scalar(repr(self.image_weight))
        values = [*shown.columns, keys["text_key"], keys["image_key"]]
        texts = [value.cast(pa.string()).combine_chunks() for value in values]
        joined = pc.binary_join_element_wise(
            *texts, weight, SEPARATOR, null_handling="replace", null_replacement=NULL
        )
        return text_hashes(joined)

    @property
    def _form(self) -> VectorForm:
        return self.form or VectorForm(self.vectors.size)

    @cached_property
    def _reader(self) -> ParquetReader:
        return ParquetReader(self.table, to_path(self.table))

    @cached_property
    def _shown(self) -> list[str]:
        """The columns of the table that the index has, but nm, which is the vectors' own."""
        chosen = dict.fromkeys((TITLE, CATEGORY, *self.columns, IMAGE_PATH))
        kinds = self._reader.schema
        return [
            name
            for name in chosen
            if name in kinds.names and name != NM and is_kept(kinds.field(name).type)
        ]


def product_vectors(text: Vectors, img: Vectors, image_weight: float) -> Vectors:
    """The weighted means of unit vectors (rows, embed_dim), of unit length again."""
    mean = np.float32(1 - image_weight) * text + np.float32(image_weight) * img
    length = np.sqrt(np.einsum("ij,ij->i", mean, mean))
    # Text and image of a row may be opposite; then their mean says nothing.
    vectors: Vectors = mean / np.maximum(length, np.float32(1e-12))[:, None]
    return vectors


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type that a column has in the index: dictionaries are decoded."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _decoded(table: pa.Table) -> pa.Table:
    return table.cast(
        pa.schema([pa.field(field.name, _plain(field.type)) for field in table.schema])
    )


def _fixed_lists(vectors: npt.NDArray[np.floating]) -> pa.FixedSizeListArray:
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
