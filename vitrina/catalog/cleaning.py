"""Clean the catalogue: texts normalised; rows without id, title or description rejected by name.

The catalogue streams through in batches: memory holds one batch and the ids seen so far.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.column_types import (
    Id,
    carried_type,
    is_bytes_type,
    is_id_type,
    is_text_type,
    read_id,
)
from vitrina.catalog.columns import Layout, read_layout
from vitrina.catalog.normalize import is_missing, normalize_text
from vitrina.config import CleanConfig
from vitrina.errors import UserError
from vitrina.results import CleanResult
from vitrina.store.artifacts import Artifact
from vitrina.store.content_hash import ContentHash
from vitrina.store.files import atomic_write, local_read
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import as_user_error, is_file

logger = logging.getLogger(__name__)
TABLE, REJECTED = "cleaned.parquet", "rejected.parquet"
REJECTED_SCHEMA = pa.schema([("nm", pa.string()), ("reason", pa.string())])
READ_BUFFER = 1 << 20  # bytes of a column read at once; without it a whole row group is


def check_catalog(catalog: UPath, config: CleanConfig) -> Layout:
    """The layout of a catalogue, or UserError if it cannot be cleaned, from its schema alone."""
    if not is_file(catalog):
        raise UserError(f"{catalog} does not exist or is not a file.")
    with as_user_error(catalog), _damage_named(catalog), catalog.open("rb") as file:
        schema = pq.ParquetFile(file).schema_arrow
    return read_layout(schema, catalog, config)


@contextmanager
def _damage_named(catalog: UPath) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise UserError(f"{catalog} is not a Parquet file, or is damaged: {error}") from error


@dataclass
class Cleaning:
    """A catalogue on its way: the ids kept so far, and counts."""

    layout: Layout
    required: Sequence[str]
    ids: set[Id] = field(default_factory=set)
    rows_in: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def clean_batch(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """The rows kept, in the cleaned table's columns, and the rejected ones: nm, reason.

        Of the rows with one id the first that has its texts is kept.
        """
        titles = _texts(batch, self.layout.title)
        descriptions = _texts(batch, self.layout.description)
        kept: dict[int, Id] = {}
        rejected: list[tuple[str | None, str]] = []
        for row, raw in enumerate(_values(batch.column(self.layout.nm))):
            nm, problem = read_id(raw)
            problem = problem or self._problem(nm, titles[row], descriptions[row])
            if nm is None or problem:
                shown = raw if nm is None else nm
                rejected.append((None if shown is None else str(shown), problem))
            else:
                kept[row] = nm
                self.ids.add(nm)
        self.rows_in += batch.num_rows
        self.reasons.update(problem for _, problem in rejected)
        return self._kept(batch, kept, titles, descriptions), _rejected(rejected)

    def _kept(
        self, batch: pa.RecordBatch, ids: dict[int, Id], titles: list[str], descriptions: list[str]
    ) -> pa.RecordBatch:
        schema, rows = self.layout.schema, pa.array(ids, pa.int64())
        columns = [
            pa.array(ids.values(), schema.types[0]),
            pa.array([titles[row] for row in ids], pa.string()),
            pa.array([descriptions[row] for row in ids], pa.string()),
            *(_carried(batch.column(index), rows) for index in self.layout.carried),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _problem(self, nm: Id | None, title: str, description: str) -> str:
        if "title" in self.required and not title:
            return "missing_title"
        if "description" in self.required and not description:
            return "missing_description"
        return "duplicate_id" if nm in self.ids else ""


def _rejected(rows: list[tuple[str | None, str]]) -> pa.RecordBatch:
    columns = [[nm for nm, _ in rows], [problem for _, problem in rows]]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, pa.string()) for column in columns], schema=REJECTED_SCHEMA
    )


def _texts(batch: pa.RecordBatch, index: int | None) -> list[str]:
    if index is None:
        return [""] * batch.num_rows
    column = batch.column(index)
    if is_id_type(column.type) and not is_text_type(column.type):
        column = column.cast(pa.string())
    texts = (normalize_text(text or "") for text in _values(column))
    return ["" if is_missing(text) else text for text in texts]


def _values(column: pa.Array) -> list[Any]:
    """A column's values; texts by way of bytes, as a writer may call text what is no UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not is_text_type(column.type) and not is_bytes_type(column.type):
        return list(column.to_pylist())
    values = column.cast(pa.large_binary()).to_pylist()
    return [None if value is None else value.decode("utf-8", "replace") for value in values]


def _carried(column: pa.Array, rows: pa.Array) -> pa.Array:
    """These rows of the column; what is no UTF-8 in its texts is replaced."""
    column = column.cast(carried_type(column.type)).take(rows)
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return pa.array(_values(column), column.type)
    return column


def clean_catalog(
    catalog: UPath, artifact: Artifact, config: CleanConfig
) -> tuple[CleanResult, list[str]]:
    """Write cleaned.parquet and rejected.parquet; the result and the names of the two files.

    Rows in = rows kept + rows rejected. Raises UserError if the catalogue is missing, is no
    Parquet, or lacks a column; nothing is written then.
    """
    content, rejects = ContentHash(), ContentHash()
    table, rejected = artifact.path / TABLE, artifact.path / REJECTED
    with flat_memory(), local_read(catalog) as local, _damage_named(catalog):
        file = pq.ParquetFile(local, buffer_size=READ_BUFFER, pre_buffer=False)
        cleaning = Cleaning(read_layout(file.schema_arrow, catalog, config), config.required)
        with (
            _parquet_writer(table, cleaning.layout.schema) as kept_rows,
            _parquet_writer(rejected, REJECTED_SCHEMA) as rejected_rows,
        ):
            for batch in file.iter_batches(config.batch_rows):
                kept, dropped = cleaning.clean_batch(batch)
                kept_rows.write_batch(kept)
                rejected_rows.write_batch(dropped)
                content.update(kept)
                rejects.update(dropped)
    result = CleanResult(
        table=str(table),
        rejected=str(rejected),
        fingerprint=fingerprint(content.hexdigest(), rejects.hexdigest()),
        rows_in=cleaning.rows_in,
        rows_kept=len(cleaning.ids),
        reasons=dict(sorted(cleaning.reasons.items())),
    )
    logger.info(
        "clean: %d rows in = %d kept + %d rejected %s",
        result.rows_in,
        result.rows_kept,
        sum(result.reasons.values()),
        result.reasons,
    )
    return result, [TABLE, REJECTED]


@contextmanager
def _parquet_writer(path: UPath, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    with atomic_write(path) as temp_file, pq.ParquetWriter(temp_file, schema) as writer:
        yield writer
