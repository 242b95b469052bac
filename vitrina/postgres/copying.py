"""Write many rows into a table by PostgreSQL's COPY, in its binary format."""

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import sql

from vitrina.postgres.connection import Connection

Row = tuple[Any, ...]


def copy_rows(
    connection: Connection,
    table: sql.Identifier,
    columns: Mapping[str, str],
    rows: Iterable[Row],
) -> None:
    """Write rows into a table; ``columns`` are the types of their values by name."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)
