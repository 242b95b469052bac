"""Bring a LanceDB table to the rows of a run: a few rows upserted and deleted, or all written.

Every step is a version of its own, which is there as a whole or not at all, and readers keep to the
version that a finished run names. So a killed update harms nothing: the next one compares the rows
that it finds with those wanted, whatever state they are in.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from upath import UPath

from vitrina.catalog.processed_table import NM
from vitrina.execution.progress import OnProgress
from vitrina.index.columns import ROW_KEY
from vitrina.index.differences import Differences, RowKeys, differences, id_numbers
from vitrina.index.lance import SUFFIX, connect, open_table
from vitrina.index.rows import RunRows

if TYPE_CHECKING:
    from lancedb.table import Table

MAX_CHANGED = 0.2  # a larger share of the rows is not merged: all rows are written
MERGED_ROWS = 20_000  # in memory at a time, 6 kB each
DELETED_ROWS = 1_000
READ_ROWS = 100_000
FOREVER = timedelta(days=36_500)  # optimize() also removes versions older than this


class Update(NamedTuple):
    """A table that holds the wanted rows, and what was done to it."""

    table: "Table"
    written: int
    removed: int
    is_new: bool  # all rows were written, so that there is no index yet


def update_table(
    path: UPath, rows: RunRows, wanted: RowKeys, progress: OnProgress, *, anew: bool = False
) -> Update:
    """Make the newest version of the table hold these rows; ``anew`` writes all of them."""
    table = open_table(path)
    if table is None or anew:
        return _write_all(path, rows, wanted, progress)
    present = table_keys(table)
    found = differences(present, wanted)
    if found.count > MAX_CHANGED * len(present):
        return _write_all(path, rows, wanted, progress)
    if found.count:
        _merge(table, rows, wanted, found, progress)
        table.optimize(cleanup_older_than=FOREVER)  # the changed rows into the index
    return Update(table, int(found.written.sum()), len(found.removed), is_new=False)


def _write_all(path: UPath, rows: RunRows, wanted: RowKeys, progress: OnProgress) -> Update:
    def batches() -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in rows.batches(wanted.keys):
            yield batch
            done += len(batch)
            progress(done, len(wanted))

    reader = pa.RecordBatchReader.from_batches(rows.schema, batches())
    table = connect(path.parent).create_table(
        path.name.removesuffix(SUFFIX),
        reader,
        mode="create" if open_table(path) is None else "overwrite",
    )
    return Update(table, len(wanted), 0, is_new=True)


def _merge(
    table: "Table", rows: RunRows, wanted: RowKeys, found: Differences, progress: OnProgress
) -> None:
    """Upsert the rows to write, then delete those to remove, a part of them at a time."""
    done, count = 0, int(found.written.sum())
    for chunk in _chunks(rows.batches(wanted.keys, found.written), MERGED_ROWS):
        (
            table.merge_insert(NM)
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute(chunk)
        )
        done += len(chunk)
        progress(done, count)
    _delete(table, found.removed)


def _delete(table: "Table", ids: npt.NDArray[np.int64]) -> None:
    """Delete rows by their ids as numbers."""
    from lancedb import col  # takes a second to import

    if not len(ids):
        return
    batches = [batch[NM] for batch in _scan(table, NM)]
    for nm in batches:
        gone = nm.filter(pa.array(np.isin(id_numbers(nm), ids))).to_pylist()
        for start in range(0, len(gone), DELETED_ROWS):
            table.delete(col(NM).isin(gone[start : start + DELETED_ROWS]))


def _chunks(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """The batches in tables of at least ``rows`` rows, but for the last."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= rows:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def table_keys(table: "Table") -> RowKeys:
    """The ids and keys of the rows in a table."""
    return RowKeys.of((batch[NM], batch[ROW_KEY].to_numpy()) for batch in _scan(table, NM, ROW_KEY))


def _scan(table: "Table", *columns: str) -> Iterator[pa.RecordBatch]:
    """Columns of all rows of the version that the table is at."""
    yield from table.search().select(list(columns)).to_batches(READ_ROWS)
