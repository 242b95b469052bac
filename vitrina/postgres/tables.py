"""The tables and the indexes of a push, and what is recorded of it.

Each model, with its templates, columns and type of vector, has a table of its own, so that vectors
of two models are never in one table. ``vitrina_push`` says which run and which table a view shows.
"""

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg import errors, sql
from psycopg.types.json import Jsonb

from vitrina.catalog.processed_table import NM
from vitrina.config.push import MAX_DIMENSIONS, PushConfig
from vitrina.errors import UserError
from vitrina.postgres.columns import Column
from vitrina.postgres.connection import Connection
from vitrina.postgres.run_rows import VECTORS
from vitrina.results import VectorOrigin

logger = logging.getLogger(__name__)

STATE = "vitrina_push"
COMMENT = "made by vitrina push"
KEY = "content_key"
OPERATORS = {"vector": "vector_cosine_ops", "halfvec": "halfvec_cosine_ops"}


class State(NamedTuple):
    """What a view shows: its table, the run, and when the output came to that run."""

    table_name: str
    run: str
    made: datetime


class Names(NamedTuple):
    """The names of a push's relations, all in one schema."""

    schema: str
    view: str
    table: str

    @property
    def full(self) -> str:
        """``schema.view``, for messages."""
        return f"{self.schema}.{self.view}"

    def of(self, relation: str) -> sql.Identifier:
        """A relation by its full name, quoted."""
        return sql.Identifier(self.schema, relation)


def create_state(connection: Connection, names: Names) -> None:
    """Create the schema and the table of states, unless they exist."""
    exists = connection.execute(
        "SELECT FROM pg_namespace WHERE nspname = %s", [names.schema]
    ).fetchone()
    if exists is None:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(names.schema)))
    connection.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {} (view text PRIMARY KEY, table_name text NOT NULL,"
            " run text NOT NULL, made timestamptz NOT NULL, rows bigint NOT NULL,"
            " origin jsonb NOT NULL, pushed timestamptz NOT NULL DEFAULT now())"
        ).format(names.of(STATE))
    )


def read_state(connection: Connection, names: Names) -> State | None:
    """What the view shows; None before the first push.

    Raises UserError if something else has the view's name.
    """
    query = sql.SQL("SELECT table_name, run, made FROM {} WHERE view = %s").format(names.of(STATE))
    found = connection.execute(query, [names.view]).fetchone()
    if found is None and _exists(connection, names, names.view):
        raise UserError(
            f"{names.full} exists, and push has not made it. Choose another --view, or rename it."
        )
    if found is None or not all(_exists(connection, names, one) for one in (names.view, found[0])):
        return None
    return State(*found)


def _exists(connection: Connection, names: Names, relation: str) -> bool:
    query = (
        "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s"
    )
    return connection.execute(query, [names.schema, relation]).fetchone() is not None


def write_state(
    connection: Connection, names: Names, state: State, rows: int, origin: VectorOrigin
) -> None:
    """Record what the view shows, in the transaction that makes it so."""
    query = sql.SQL(
        "INSERT INTO {} (view, table_name, run, made, rows, origin) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (view) DO UPDATE SET table_name = excluded.table_name, run = excluded.run,"
        " made = excluded.made, rows = excluded.rows, origin = excluded.origin, pushed = now()"
    ).format(names.of(STATE))
    values = [names.view, *state, rows, Jsonb(origin.model_dump(mode="json"))]
    connection.execute(query, values)


def create_table(
    connection: Connection, names: Names, columns: Sequence[Column], vector: str
) -> None:
    """Create the table unless it exists; ``vector`` is the vectors' type, with their dimension."""
    own = [sql.SQL("{} {}").format(sql.Identifier(one.name), sql.SQL(one.type)) for one in columns]
    vectors = [sql.SQL("{} {}").format(sql.Identifier(one), sql.SQL(vector)) for one in VECTORS]
    key = sql.SQL("{} bytea").format(sql.Identifier(KEY))
    with connection.transaction():
        connection.execute(
            sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(
                names.of(names.table),
                sql.SQL(", ").join([*own, *vectors, key]),
                sql.Identifier(NM),
            )
        )
        comment = sql.SQL("COMMENT ON TABLE {} IS {}")
        connection.execute(comment.format(names.of(names.table), sql.Literal(COMMENT)))


def ensure_indexes(connection: Connection, names: Names, config: PushConfig) -> None:
    """Build the HNSW indexes that are asked for, and drop other ones of this table."""
    options = f"{config.hnsw_m}_{config.hnsw_ef_construction}"
    wanted = {f"{names.table}_{vector}_{options}": vector for vector in config.index}
    query = "SELECT indexname FROM pg_indexes WHERE schemaname = %s AND tablename = %s"
    present = {name for (name,) in connection.execute(query, [names.schema, names.table])}
    for name in sorted(present - set(wanted)):
        if re.fullmatch(rf"{names.table}_({'|'.join(VECTORS)})_\d+_\d+", name):
            connection.execute(sql.SQL("DROP INDEX {}").format(names.of(name)))
    for name, vector in wanted.items():
        if name not in present:
            logger.info("push: building an HNSW index on %s", vector)
            connection.execute(
                sql.SQL(
                    "CREATE INDEX {} ON {} USING hnsw ({} {}) WITH (m = {}, ef_construction = {})"
                ).format(
                    sql.Identifier(name),
                    names.of(names.table),
                    sql.Identifier(vector),
                    sql.SQL(OPERATORS[config.vector_type]),
                    sql.Literal(config.hnsw_m),
                    sql.Literal(config.hnsw_ef_construction),
                )
            )


def check_dimension(config: PushConfig, dim: int) -> None:
    """Raise UserError if pgvector cannot index vectors of this size."""
    limit = MAX_DIMENSIONS[config.vector_type]
    if config.index and dim > limit:
        raise UserError(
            f"The vectors have {dim} values; an HNSW index on {config.vector_type} takes at most "
            f"{limit}. Give --vector_type halfvec, or no index: --index"
        )


def drop_other_tables(connection: Connection, names: Names) -> None:
    """Drop the tables of other models and of pushes that were given up.

    One that is still read stays until the next push.
    """
    query = (
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind = 'r' AND obj_description(c.oid) = %s"
    )
    for (table,) in connection.execute(query, [names.schema, COMMENT]).fetchall():
        if table != names.table and re.fullmatch(rf"{names.view}_[0-9a-f]{{12}}", table):
            try:
                with connection.transaction():
                    connection.execute("SET LOCAL lock_timeout = '5s'")
                    connection.execute(sql.SQL("DROP TABLE {}").format(names.of(table)))
            except (errors.LockNotAvailable, errors.DependentObjectsStillExist) as error:
                logger.warning("push: %s stays: %s", table, error.diag.message_primary)
