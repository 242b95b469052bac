"""Clean a table of queries: normalized texts, known listings, one row for a query and a listing."""

import logging
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from upath import UPath

from vitrina.catalog.column_names import missing_column
from vitrina.catalog.column_types import max_exact_integer, parse_id
from vitrina.catalog.normalize import is_missing, normalize_text
from vitrina.catalog.processed_table import NM, read_batches
from vitrina.catalog.products import text_key
from vitrina.catalog.source.catalog_source import CatalogSource, open_catalog
from vitrina.catalog.source.parts import Catalog
from vitrina.config.catalog import CleanConfig
from vitrina.config.queries import QueryTableConfig
from vitrina.errors import UserError
from vitrina.results import QueriesResult, TableRef
from vitrina.store.artifacts import Artifact
from vitrina.store.files import atomic_write
from vitrina.store.fingerprint import file_fingerprint

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

logger = logging.getLogger(__name__)

TABLE = "queries.parquet"
QUERY, WEIGHT = "query", "weight"  # columns of the cleaned table, beside NM
ROWS = 50_000  # read at a time
FOLDED = 1_000_000  # rows that wait at most until equal ones are added up


class QueryRejection(StrEnum):
    """The reason for which a row of the table of queries is rejected: the first that applies."""

    MALFORMED_ROW = "malformed_row"
    """A row of a CSV or JSON Lines file that cannot be read as one."""
    MISSING_QUERY = "missing_query"
    """No text is left of the query once it is normalized as titles are."""
    MISSING_ID = "missing_id"
    """No listing is named."""
    INVALID_WEIGHT = "invalid_weight"
    """The weight is no number above 0."""
    UNKNOWN_LISTING = "unknown_listing"
    """The processed table has no such listing: the catalogue lacks it, or it was rejected."""


def open_queries(queries: Catalog, config: QueryTableConfig) -> CatalogSource:
    """The table of queries. Raises UserError if it is missing or lacks a column."""
    source = open_catalog(queries, CleanConfig(nm_column=config.query_nm_column), whole=True)
    wanted = config.model_dump()
    default = QueryTableConfig.model_fields["query_weight_column"].default
    if config.query_weight_column == default:
        del wanted["query_weight_column"]
    for parameter, column in wanted.items():
        if column not in source.schema.names:
            missing = missing_column(source.name, column, source.schema.names)
            raise UserError(f"{missing} Set {parameter} to the column's name.")
    return source


def clean_queries(
    queries: Catalog, table: UPath, artifact: Artifact, config: QueryTableConfig
) -> tuple[QueriesResult, list[str]]:
    """Write queries.parquet: query, nm (str), weight (float64), sorted, each pair once.

    ``table`` is the processed table. Raises UserError if the table of queries is missing, lacks a
    column, or no row of it is left.
    """
    source = open_queries(queries, config)
    cleaner = _Cleaner(config, _known_ids(table))
    total = _added_up(cleaner.parts(source))
    if not cleaner.rows_in:
        raise UserError(
            f"{source.name} has no rows. Give queries with the listings chosen for them."
        )
    if total.empty:
        raise UserError(
            f"{source.name} has no query for a listing of this catalogue; its {cleaner.rows_in:,} "
            f"rows were rejected: {_counted(cleaner.reasons)}."
        )
    path = artifact.path / TABLE
    with atomic_write(path) as temp_file:
        total.to_parquet(temp_file, index=False)
    result = QueriesResult(
        table=TableRef(path=str(path), fingerprint=file_fingerprint(path)),
        rows_in=cleaner.rows_in,
        pairs=len(total),
        queries=total[QUERY].nunique(),
        reasons=dict(cleaner.reasons),
    )
    logger.info(
        "queries: %d queries for listings of the catalogue, rejected rows: %s",
        result.queries,
        _counted(cleaner.reasons) or "none",
    )
    return result, [TABLE]


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in reasons.items())


def _known_ids(table: UPath) -> np.ndarray:
    keys = [
        np.fromiter((text_key(str(nm)) for nm in frame[NM]), np.int64, len(frame))
        for frame in read_batches(table, ROWS, (NM,))
    ]
    return np.sort(np.concatenate(keys))


class _Cleaner:
    """Cleans a table of queries batch by batch, and counts."""

    def __init__(self, config: QueryTableConfig, known: np.ndarray) -> None:
        self.config, self.known = config, known
        self.rows_in = 0
        self.reasons: Counter[str] = Counter()

    def parts(self, source: CatalogSource) -> Iterator["pd.DataFrame"]:
        """The kept rows: query, nm, weight."""
        for batch in source.batches(ROWS):
            self.rows_in += batch.rows.num_rows + len(batch.malformed)
            if batch.malformed:
                self.reasons[QueryRejection.MALFORMED_ROW] += len(batch.malformed)
            yield self._cleaned(batch.rows)

    def _cleaned(self, rows: pa.RecordBatch) -> "pd.DataFrame":
        import pandas as pd

        names = rows.schema.names
        query = rows.column(names.index(self.config.query_column))
        nm = rows.column(names.index(self.config.query_nm_column))
        frame = pd.DataFrame({QUERY: _queries(query), NM: _ids(nm), WEIGHT: self._weights(rows)})
        keys = np.fromiter((text_key(nm) for nm in frame[NM]), np.int64, len(frame))
        faults = {
            QueryRejection.MISSING_QUERY: frame[QUERY] == "",
            QueryRejection.MISSING_ID: frame[NM] == "",
            QueryRejection.INVALID_WEIGHT: ~(np.isfinite(frame[WEIGHT]) & (frame[WEIGHT] > 0)),
            QueryRejection.UNKNOWN_LISTING: ~np.isin(keys, self.known),
        }
        kept = np.ones(len(frame), bool)
        for reason, fault in faults.items():
            if count := int(np.sum(kept & fault)):
                self.reasons[reason] += count
            kept &= ~np.asarray(fault)
        return frame[kept]

    def _weights(self, rows: pa.RecordBatch) -> np.ndarray:
        import pandas as pd

        if self.config.query_weight_column not in rows.schema.names:
            return np.ones(rows.num_rows)
        column = rows.column(rows.schema.names.index(self.config.query_weight_column))
        weights: np.ndarray = pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy(float)
        return weights


def _queries(column: pa.Array) -> list[str]:
    """Normalized, in lower case as the model reads them; empty where there is no query."""
    encoded = column.cast(pa.string()).dictionary_encode()
    texts = [_query(text) for text in encoded.dictionary.to_pylist()]
    return ["" if index is None else texts[index] for index in encoded.indices.to_pylist()]


def _query(text: str | None) -> str:
    normalized = normalize_text(text or "").lower()
    return "" if is_missing(normalized) else normalized


def _ids(column: pa.Array) -> list[str]:
    """The ids as texts; empty where there is none."""
    exact = max_exact_integer(column.type)
    parsed = (parse_id(value, exact)[0] for value in column.to_pylist())
    return ["" if nm is None else str(nm) for nm in parsed]


def _added_up(parts: Iterator["pd.DataFrame"]) -> "pd.DataFrame":
    """The sum of the weights of each query and listing, sorted; equal rows are soon folded."""
    import pandas as pd

    total = pd.DataFrame({QUERY: [], NM: [], WEIGHT: []})
    waiting: list[pd.DataFrame] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) > FOLDED:
            total, waiting = _folded([total, *waiting]), []
    return _folded([total, *waiting])


def _folded(parts: list["pd.DataFrame"]) -> "pd.DataFrame":
    import pandas as pd

    together = pd.concat([part for part in parts if len(part)] or parts[:1])
    return together.groupby([QUERY, NM], sort=True)[[WEIGHT]].sum().reset_index()
