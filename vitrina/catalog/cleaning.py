"""Clean a catalogue: normalize its texts and reject rows without an id, title or description.

The catalogue is read in batches: memory holds one batch and the ids kept so far.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.cleaner import REJECTED_SCHEMA, CatalogCleaner
from vitrina.catalog.columns import CatalogColumns, find_columns
from vitrina.catalog.rejection import RejectionReason
from vitrina.catalog.source.batch import MalformedRow, WiderTypesNeededError
from vitrina.catalog.source.catalog_source import CatalogSource, open_catalog
from vitrina.catalog.source.parts import Catalog
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.results import CleanResult
from vitrina.store.artifacts import Artifact
from vitrina.store.content_hash import ContentHash
from vitrina.store.files import atomic_write
from vitrina.store.fingerprint import fingerprint

logger = logging.getLogger(__name__)
TABLE, REJECTED = "cleaned.parquet", "rejected.parquet"


def check_catalog(catalog: Catalog, config: CleanConfig, image_column: str = "") -> CatalogColumns:
    """The columns of a catalogue; only the schemas of its files are read, of many of two.

    Raises UserError if the catalogue is missing, is no table of a format that is read, or lacks a
    column.
    """
    return _opened(catalog, config, image_column, quick=True)[1]


def _opened(
    catalog: Catalog, config: CleanConfig, image_column: str, *, quick: bool = False
) -> tuple[CatalogSource, CatalogColumns]:
    """A catalogue and its columns; a key of JSON that it needs may come after its first lines."""
    source = open_catalog(catalog, config, quick=quick)
    try:
        return source, _find(source, config, image_column)
    except UserError:
        if source.format != "JSON Lines":
            raise
    source = open_catalog(catalog, config, quick=quick, whole=True)
    return source, _find(source, config, image_column)


def _find(source: CatalogSource, config: CleanConfig, image_column: str) -> CatalogColumns:
    """The columns of a catalogue, which every one of its files must have in a type of use.

    Raises UserError naming the file if one has not; in JSON a missing key is only null.
    """
    for part in source.parts if source.format != "JSON Lines" else ():
        find_columns(part.schema, str(part.reader.path), config)
    return find_columns(
        source.schema,
        source.name,
        config,
        ids_by_digits=source.ids_by_digits,
        image_column=image_column,
    )


def clean_catalog(
    catalog: Catalog, artifact: Artifact, config: CleanConfig, image_column: str = ""
) -> tuple[CleanResult, list[str]]:
    """Write cleaned.parquet and rejected.parquet; returns the result and the two file names.

    Every row of the catalogue is either kept or rejected. Images in ``image_column`` are referred
    to, not copied. Raises UserError, before anything is written, if the catalogue is missing, is
    no table of a format that is read, or lacks a column; and if it has no rows.
    """
    with flat_memory():
        source, columns = _opened(catalog, config, image_column)
        logger.info("clean: %s is read as %s", source.name, source.describe())
        try:
            result = _clean(source, columns, artifact, config)
        except WiderTypesNeededError:
            source = open_catalog(catalog, config, whole=True)
            columns = _find(source, config, image_column)
            result = _clean(source, columns, artifact, config)
    return result, [TABLE, REJECTED]


def _clean(
    source: CatalogSource, columns: CatalogColumns, artifact: Artifact, config: CleanConfig
) -> CleanResult:
    """Raises WiderTypesNeededError, and leaves nothing behind, if a row does not fit its types."""
    cleaner = CatalogCleaner(columns, config.required)
    kept_hash, rejected_hash = ContentHash(), ContentHash()
    table, rejected = artifact.path / TABLE, artifact.path / REJECTED
    with (
        _parquet_writer(table, columns.cleaned_schema) as kept_writer,
        _parquet_writer(rejected, REJECTED_SCHEMA) as rejected_writer,
    ):
        for batch in source.batches(config.batch_rows):
            kept_rows, rejected_rows = cleaner.clean_batch(batch)
            kept_writer.write_batch(kept_rows)
            rejected_writer.write_batch(rejected_rows)
            kept_hash.update(kept_rows)
            rejected_hash.update(rejected_rows)
        if not cleaner.rows_in:
            raise UserError(f"{source.name} has no rows. Export it again, or name another table.")
    result = CleanResult(
        table=str(table),
        rejected=str(rejected),
        fingerprint=fingerprint(kept_hash.hexdigest(), rejected_hash.hexdigest()),
        rows_in=cleaner.rows_in,
        rows_kept=cleaner.kept_ids.count,
        reasons={reason.value: count for reason, count in sorted(cleaner.reasons.items())},
    )
    _log(result, cleaner.first_malformed)
    return result


def _log(result: CleanResult, malformed: MalformedRow | None) -> None:
    if malformed:
        logger.warning(
            "clean: %d malformed rows are rejected, first %s: %s",
            result.reasons[RejectionReason.MALFORMED_ROW],
            malformed.where,
            malformed.problem,
        )
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
