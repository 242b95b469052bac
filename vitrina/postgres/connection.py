"""Connect to PostgreSQL, alone among pushes, and tell what it refuses in a line."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import psycopg
from pgvector.psycopg import register_vector
from psycopg import conninfo, errors, sql

from vitrina.errors import UserError

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[Any]

LOCK_SECONDS = 20.0  # a server needs some to notice that the process of an earlier push is gone
EXTENSION = sql.Identifier("vector")
TOO_OLD = {"vector": (0, 5), "halfvec": (0, 7)}  # the pgvector that indexes the type by HNSW
SETTINGS = {
    "statement_timeout": "0",  # an index may take hours
    "idle_in_transaction_session_timeout": "0",  # images of a slow store are waited for
    "client_connection_check_interval": "5s",  # a killed push ends there too, and frees its lock
    "timezone": "UTC",
}


@contextmanager
def connected(database: str) -> Iterator[Connection]:
    """A connection that commits each statement unless a transaction is open.

    Raises UserError, in a line, whatever goes wrong before or while it is open.
    """
    with _connection(database) as connection, as_user_error():
        for name, value in SETTINGS.items():
            _set_if_known(connection, name, value)
        yield connection


def _connection(database: str) -> Connection:
    try:
        return psycopg.connect(_with_defaults(database), autocommit=True)
    except psycopg.Error as error:
        message = _one_line(error)
        if "password" in message:
            raise UserError(f"{message}. Set PGPASSWORD, or write it into ~/.pgpass.") from error
        raise UserError(f"{message}. Check --database, and whether the server runs.") from error


def _with_defaults(database: str) -> str:
    """The database as libpq's options, with a limit to how long it may not answer."""
    options = conninfo.conninfo_to_dict(database)
    if "connect_timeout" not in options and "PGCONNECT_TIMEOUT" not in os.environ:
        options["connect_timeout"] = 10
    options.setdefault("application_name", "vitrina push")
    return conninfo.make_conninfo("", **options)


def _set_if_known(connection: Connection, name: str, value: str) -> None:
    """Settings that an older server does not know, or that may not be set, stay as they are."""
    try:
        connection.execute("SELECT set_config(%s, %s, false)", [name, value])
    except (errors.UndefinedObject, errors.InsufficientPrivilege) as error:
        logger.debug("push: %s stays as it is: %s", name, error)


@contextmanager
def as_user_error() -> Iterator[None]:
    """Turn what PostgreSQL or the network refuses into a UserError."""
    try:
        yield
    except psycopg.Error as error:
        raise UserError(_told(error)) from error


def _one_line(error: psycopg.Error) -> str:
    # Of an error of the server the primary message alone: the detail may hold a row.
    text = " ".join((error.diag.message_primary or str(error)).split())
    return text.removeprefix("connection failed: ").rstrip(".?")


def _told(error: psycopg.Error) -> str:
    message = _one_line(error)
    if isinstance(error, errors.InsufficientPrivilege):
        return (
            f"The database refuses this user: {message}. Have its owner grant CREATE and USAGE on "
            "the schema, or push as the user who pushed before."
        )
    if isinstance(error, errors.LockNotAvailable):
        return (
            f"The view is being read by a transaction that does not end ({message}). The old state "
            "answers; end that transaction, and run the same command again."
        )
    if isinstance(error, psycopg.OperationalError):
        return (
            f"The database could not go on: {message}. The state before the push answers; run the "
            "same command again, and it continues."
        )
    return f"The database refuses it: {message}."


@contextmanager
def only_push(connection: Connection, name: str) -> Iterator[None]:
    """Hold the lock of this view, ``schema.view``, so that no other push changes it meanwhile.

    Raises UserError naming the process that holds it. The server frees it with the connection.
    """
    digest = blake2b(f"vitrina push {name}".encode(), digest_size=8).digest()
    key = int.from_bytes(digest, signed=True)
    give_up = time.monotonic() + LOCK_SECONDS
    while not _one(connection, "SELECT pg_try_advisory_lock(%s)", key):
        if time.monotonic() > give_up:
            raise UserError(
                f"Another push to {name} is at work{_holder(connection, key)}. Wait until it ends."
            )
        time.sleep(0.5)
    yield


def _holder(connection: Connection, key: int) -> str:
    found = connection.execute(
        "SELECT a.pid, coalesce(host(a.client_addr), 'the same machine'), a.backend_start"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted"
        " AND (l.classid::bigint << 32) | l.objid::bigint = %s",
        [key],
    ).fetchone()
    return f" (backend {found[0]}, from {found[1]}, since {found[2]:%H:%M:%S} UTC)" if found else ""


def _one(connection: Connection, query: Any, *parameters: object) -> Any:
    """The single value that a query gives; None if it gives no row."""
    row = connection.execute(query, parameters or None).fetchone()
    return row[0] if row else None


def prepare_vectors(connection: Connection, vector_type: str, schema: str) -> None:
    """Make sure of pgvector, and find its types wherever they are installed.

    Raises UserError if it is not there and cannot be created, or is too old for the type.
    """
    try:
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(EXTENSION))
    except (errors.FeatureNotSupported, errors.UndefinedFile) as error:
        raise UserError(
            f"The server of {connection.info.dbname!r} has no pgvector. Install it there, for "
            "example the package postgresql-NN-pgvector or the image pgvector/pgvector."
        ) from error
    except errors.InsufficientPrivilege as error:
        raise UserError(
            f"pgvector is not enabled in {connection.info.dbname!r}, and this user may not do it. "
            "Have an administrator run CREATE EXTENSION vector; in that database."
        ) from error
    found = connection.execute(
        "SELECT e.extversion, n.nspname FROM pg_extension e JOIN pg_namespace n"
        " ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
    ).fetchone()
    assert found is not None, "the extension exists now"
    version, own = found
    if tuple(int(part) for part in version.split(".")[:2]) < TOO_OLD[vector_type]:
        needed = ".".join(map(str, TOO_OLD[vector_type]))
        raise UserError(
            f"{vector_type} needs pgvector {needed}, and {connection.info.dbname!r} has {version}. "
            "Update the package on the server, then run ALTER EXTENSION vector UPDATE;"
        )
    path = sql.SQL(", ").join(sql.Identifier(one) for one in dict.fromkeys((schema, own)))
    connection.execute(sql.SQL("SET search_path = {}").format(path))
    register_vector(connection)
