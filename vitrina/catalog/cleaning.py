"""Clean a catalogue: normalize its texts and reject rows without an id, title or description.

The catalogue is read in batches: memory holds one batch and the ids kept so far.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.carried import carried_rows
from vitrina.catalog.column_types import (
    Id,
    holds_text,
    is_list_of_text_type,
    is_number_type,
    max_exact_integer,
    parse_id,
)
from vitrina.catalog.columns import CatalogColumns, find_columns
from vitrina.catalog.normalize import is_missing, normalize_text
from vitrina.catalog.parquet_batches import ParquetReader, read_schema
from vitrina.catalog.processed_table import DESCRIPTION, NM, TITLE
from vitrina.catalog.rejection import RejectionReason
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.results import CleanResult
from vitrina.store.artifacts import Artifact
from vitrina.store.content_hash import ContentHash
from vitrina.store.files import atomic_write, local_read
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import is_file

logger = logging.getLogger(__name__)
TABLE, REJECTED = "cleaned.parquet", "rejected.parquet"
REJECTED_SCHEMA = pa.schema([(NM, pa.string()), ("reason", pa.string())])


def check_catalog(catalog: UPath, config: CleanConfig) -> CatalogColumns:
    """The columns of a catalogue; only its schema is read.

    Raises UserError if the catalogue is missing, is not Parquet, or lacks a column.
    """
    if not is_file(catalog):
        raise UserError(f"{catalog} does not exist or is not a file.")
    return find_columns(read_schema(catalog), catalog, config)


@dataclass
class CatalogCleaner:
    """Cleans a catalogue batch by batch; keeps the ids of the rows kept so far, and counts."""

    columns: CatalogColumns
    required: Sequence[str]
    kept_ids: set[Id] = field(default_factory=set)
    rows_in: int = 0
    reasons: Counter[RejectionReason] = field(default_factory=Counter)

    def clean_batch(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """The kept rows, with the cleaned table's columns, and the rejected ones: nm, reason.

        Of several rows with one id, the first that has all required texts is kept.
        """
        titles = _normalized_texts(batch, self.columns.title)
        descriptions = _normalized_texts(batch, self.columns.description)
        kept: dict[int, Id] = {}
        rejected: list[tuple[str | None, RejectionReason]] = []
        ids = batch.column(self.columns.nm)
        max_exact = max_exact_integer(ids.type)
        for row, raw_id in enumerate(_values(ids)):
            nm, reason = parse_id(raw_id, max_exact)
            if nm is not None:
                reason = self._rejection(nm, titles[row], descriptions[row])
            if nm is not None and reason is None:
                kept[row] = nm
                self.kept_ids.add(nm)
            elif reason is not None:
                shown = raw_id if nm is None else nm
                rejected.append((None if shown is None else str(shown), reason))
        self.rows_in += batch.num_rows
        self.reasons.update(reason for _, reason in rejected)
        return self._kept_batch(batch, kept, titles, descriptions), _rejected_batch(rejected)

    def _kept_batch(
        self, batch: pa.RecordBatch, ids: dict[int, Id], titles: list[str], descriptions: list[str]
    ) -> pa.RecordBatch:
        """The rows that are keys of ``ids``, with the cleaned table's columns."""
        schema, rows = self.columns.cleaned_schema, pa.array(ids, pa.int64())
        columns = [
            pa.array(ids.values(), schema.types[0]),
            pa.array([titles[row] for row in ids], pa.string()),
            pa.array([descriptions[row] for row in ids], pa.string()),
            *(
                carried_rows(batch.column(index), rows, kind)
                for index, kind in zip(self.columns.extra, schema.types[3:], strict=True)
            ),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _rejection(self, nm: Id, title: str, description: str) -> RejectionReason | None:
        if TITLE in self.required and not title:
            return RejectionReason.MISSING_TITLE
        if DESCRIPTION in self.required and not description:
            return RejectionReason.MISSING_DESCRIPTION
        return RejectionReason.DUPLICATE_ID if nm in self.kept_ids else None


def _rejected_batch(rows: list[tuple[str | None, RejectionReason]]) -> pa.RecordBatch:
    columns = [[nm for nm, _ in rows], [reason.value for _, reason in rows]]
    return pa.RecordBatch.from_arrays(
        [pa.array(column, pa.string()) for column in columns], schema=REJECTED_SCHEMA
    )


def _normalized_texts(batch: pa.RecordBatch, index: int | None) -> list[str]:
    """A column's normalized texts; empty where one is missing, or for all rows without a column."""
    if index is None:
        return [""] * batch.num_rows
    column = batch.column(index)
    if is_number_type(column.type):
        column = column.cast(pa.string())
    values = _joined(column) if is_list_of_text_type(column.type) else _values(column)
    texts = (normalize_text(text or "") for text in values)
    return ["" if is_missing(text) else text for text in texts]


def _values(column: pa.Array) -> list[Any]:
    """A column's values; text is decoded from its bytes, because it may be invalid UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not holds_text(column.type):
        return list(column.to_pylist())
    values = column.cast(pa.large_binary()).to_pylist()
    return [None if value is None else value.decode("utf-8", "replace") for value in values]


def _joined(column: pa.Array) -> list[str]:
    """The texts of each list, such as the paragraphs of a description, with spaces between them."""
    texts = _values(column.flatten())
    sizes = pc.list_value_length(column).fill_null(0).to_numpy()
    ends = np.cumsum(sizes)
    parts = (texts[end - size : end] for size, end in zip(sizes, ends, strict=True))
    return [" ".join(text for text in part if text) for part in parts]


def clean_catalog(
    catalog: UPath, artifact: Artifact, config: CleanConfig
) -> tuple[CleanResult, list[str]]:
    """Write cleaned.parquet and rejected.parquet; returns the result and the two file names.

    Every row of the catalogue is either kept or rejected. Raises UserError, before anything is
    written, if the catalogue is missing, is not Parquet, or lacks a column.
    """
    kept_hash, rejected_hash = ContentHash(), ContentHash()
    table, rejected = artifact.path / TABLE, artifact.path / REJECTED
    with flat_memory(), local_read(catalog) as local:
        reader = ParquetReader(local, catalog)
        columns = find_columns(reader.schema, catalog, config)
        cleaner = CatalogCleaner(columns, config.required)
        with (
            _parquet_writer(table, columns.cleaned_schema) as kept_writer,
            _parquet_writer(rejected, REJECTED_SCHEMA) as rejected_writer,
        ):
            for batch in reader.batches(config.batch_rows):
                kept_rows, rejected_rows = cleaner.clean_batch(batch)
                kept_writer.write_batch(kept_rows)
                rejected_writer.write_batch(rejected_rows)
                kept_hash.update(kept_rows)
                rejected_hash.update(rejected_rows)
    result = CleanResult(
        table=str(table),
        rejected=str(rejected),
        fingerprint=fingerprint(kept_hash.hexdigest(), rejected_hash.hexdigest()),
        rows_in=cleaner.rows_in,
        rows_kept=len(cleaner.kept_ids),
        reasons={reason.value: count for reason, count in sorted(cleaner.reasons.items())},
    )
    _log(result)
    return result, [TABLE, REJECTED]


def _log(result: CleanResult) -> None:
    logger.info(
        "clean: %d rows in = %d kept + %d rejected %s",
        result.rows_in,
        result.rows_kept,
        sum(result.reasons.values()),
        result.reasons,
    )


@contextmanager
def _parquet_writer(path: UPath, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    with atomic_write(path) as temp_file, pq.ParquetWriter(temp_file, schema) as writer:
        yield writer
