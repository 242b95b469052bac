"""The view that answers: it shows one table whole, or after the switch another."""

import time
from collections.abc import Callable, Sequence

from psycopg import errors, sql

from vitrina.catalog.processed_table import CATEGORY, IMAGE_PATH, NM, TITLE
from vitrina.errors import UserError
from vitrina.postgres.connection import Connection
from vitrina.postgres.run_rows import VECTORS
from vitrina.postgres.tables import Names

LOCK_TIMEOUT = "5s"  # whoever reads the view waits behind a switch that waits for a reader
SWITCH_SECONDS = 90.0
PAUSE_SECONDS = 2.0


def switch(
    connection: Connection,
    names: Names,
    columns: Sequence[str],
    model: str,
    record: Callable[[], None],
) -> None:
    """Let the view show the table, and ``record`` it, in one transaction.

    It needs a moment in which no transaction that has read the view is open; after
    ``SWITCH_SECONDS`` without one errors.LockNotAvailable is raised and nothing has changed.
    """
    give_up = time.monotonic() + SWITCH_SECONDS
    while True:
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_TIMEOUT))
                _replace(connection, names, selection(names, columns, model))
                record()
            return
        except errors.LockNotAvailable:
            if time.monotonic() > give_up:
                raise
            time.sleep(PAUSE_SECONDS)


def selection(names: Names, columns: Sequence[str], model: str) -> sql.Composed:
    """What the view shows: the columns that every catalogue has, then the vectors, then the rest.

    So that a new column is the last, which lets the view be replaced. ``model`` is in each row.
    """
    first = [name for name in (NM, TITLE, CATEGORY, IMAGE_PATH) if name in columns]
    rest = [name for name in columns if name not in first]
    shown: list[sql.Composable] = [sql.Identifier(name) for name in (*first, *VECTORS)]
    shown.append(sql.SQL("{}::text AS model").format(sql.Literal(model)))
    shown += map(sql.Identifier, rest)
    return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(shown), names.of(names.table))


def _replace(connection: Connection, names: Names, query: sql.Composed) -> None:
    view = names.of(names.view)
    create = sql.SQL("CREATE OR REPLACE VIEW {} AS {}").format(view, query)
    try:
        with connection.transaction():
            connection.execute(create)
    except errors.InvalidTableDefinition:  # it cannot lose columns or change their types
        grants = _grants(connection, names)
        try:
            connection.execute(sql.SQL("DROP VIEW {}").format(view))
        except errors.DependentObjectsStillExist as error:
            raise UserError(
                f"The columns of {names.full} change, and {_first(error.diag.message_detail)}. "
                "Drop that first, or choose another --view."
            ) from error
        connection.execute(create)
        for grant in grants:
            connection.execute(grant)


def _first(detail: str | None) -> str:
    """The first object that depends on the view: PostgreSQL names one a line."""
    return (detail or "another object depends on it").splitlines()[0].rstrip(".")


def _grants(connection: Connection, names: Names) -> list[sql.Composed]:
    """Statements that grant on the new view what was granted on the old one."""
    found = connection.execute(
        "SELECT pg_get_userbyid(nullif(a.grantee, 0)), a.privilege_type, a.is_grantable"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a"
        " WHERE n.nspname = %s AND c.relname = %s AND a.grantee <> c.relowner",
        [names.schema, names.view],
    ).fetchall()
    return [
        sql.SQL("GRANT {} ON {} TO {}{}").format(
            sql.SQL(privilege),
            names.of(names.view),
            sql.SQL("PUBLIC") if role is None else sql.Identifier(role),
            sql.SQL(" WITH GRANT OPTION" if grantable else ""),
        )
        for role, privilege, grantable in found
    ]
