"""Which rows of a table are outdated: by the feed, or by comparing the keys of all rows.

What the table should not have is deleted here; what it then lacks is to be written. A row that
changed is both.
"""

from array import array
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql
from upath import UPath

from vitrina.catalog.processed_table import NM
from vitrina.feed.listing_keys import KEYS
from vitrina.postgres.connection import Connection
from vitrina.postgres.copying import Row, copy_rows
from vitrina.postgres.tables import KEY, Names
from vitrina.store.files import local_read

KEY_BYTES = 16
FETCHED_ROWS = 10_000
BATCH_ROWS = 10_000


class Difference(NamedTuple):
    """The rows to write, ascending, with the key of each; and how many were deleted."""

    rows: npt.NDArray[np.int64]
    keys: npt.NDArray[np.void]  # KEY_BYTES each
    deleted: int


def content_keys(keys: pa.Table | pa.RecordBatch) -> list[bytes]:
    """A key of each listing's whole content."""
    columns = [keys.column(name).to_pylist() for name in KEYS]
    return [
        blake2b(" ".join(row).encode(), digest_size=KEY_BYTES).digest()
        for row in zip(*columns, strict=True)
    ]


def by_keys(
    connection: Connection, names: Names, nm_type: str, keys: Iterable[pa.Table]
) -> Difference:
    """Compare the table with the keys of all listings, and delete what is not as it should be."""
    wanted, table = sql.Identifier("vitrina_wanted"), names.of(names.table)
    with connection.transaction():
        connection.execute(
            sql.SQL("CREATE TEMP TABLE {} ({} {}, row bigint, {} bytea) ON COMMIT DROP").format(
                wanted, sql.Identifier(NM), sql.SQL(nm_type), sql.Identifier(KEY)
            )
        )
        columns = {NM: nm_type, "row": "bigint", KEY: "bytea"}
        copy_rows(connection, wanted, columns, _wanted(keys))
        connection.execute(sql.SQL("ANALYZE {}").format(wanted))
        same = sql.SQL("w.{nm} = t.{nm}").format(nm=sql.Identifier(NM))
        deleted = connection.execute(
            sql.SQL(
                "DELETE FROM {table} t WHERE NOT EXISTS"
                " (SELECT FROM {wanted} w WHERE {same} AND w.{key} = t.{key})"
            ).format(table=table, wanted=wanted, same=same, key=sql.Identifier(KEY))
        ).rowcount
        missing = sql.SQL(
            "SELECT row, {key} FROM {wanted} w WHERE NOT EXISTS"
            " (SELECT FROM {table} t WHERE {same}) ORDER BY row"
        ).format(table=table, wanted=wanted, same=same, key=sql.Identifier(KEY))
        rows, found = _fetched(connection, missing)
        connection.execute(sql.SQL("DROP TABLE {}").format(wanted))
    return Difference(rows, found, deleted)


def by_feed(connection: Connection, names: Names, changes: UPath) -> Difference:
    """Delete the listings that the feed names; those that it adds or changes are to be written."""
    rows, keys, deleted = [np.zeros(0, np.int64)], bytearray(), 0
    with local_read(changes) as local, pq.ParquetFile(local) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            deleted += connection.execute(
                sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(
                    names.of(names.table), sql.Identifier(NM)
                ),
                [batch.column(NM).to_pylist()],
            ).rowcount
            stays = batch.filter(batch.column("row").is_valid())
            rows.append(stays.column("row").to_numpy())
            keys += b"".join(content_keys(stays))
    joined = np.concatenate(rows)
    order = np.argsort(joined)
    return Difference(joined[order], _as_array(keys)[order], deleted)


def _wanted(keys: Iterable[pa.Table]) -> Iterator[Row]:
    for table in keys:
        columns = table.column(NM).to_pylist(), table.column("row").to_pylist()
        yield from zip(*columns, content_keys(table), strict=True)


def _fetched(
    connection: Connection, query: sql.Composed
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]:
    """The rows and keys that a query gives; 24 bytes each in memory."""
    rows, keys = array("q"), bytearray()
    with connection.cursor(name="vitrina_missing", binary=True) as cursor:
        cursor.itersize = FETCHED_ROWS
        for row, key in cursor.execute(query):
            rows.append(row)
            keys += key
    return np.frombuffer(rows, np.int64), _as_array(keys)


def _as_array(keys: bytes | bytearray) -> npt.NDArray[np.void]:
    return np.frombuffer(keys, np.dtype((np.void, KEY_BYTES)))
