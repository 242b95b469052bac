"""Columns of any type and name in PostgreSQL, and values that it could trip over."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import sql

from tests.support.pushed import PushedShop
from vitrina.errors import UserError
from vitrina.postgres.columns import column_of
from vitrina.postgres.copying import copy_rows
from vitrina.store.paths import to_path

HOSTILE_NAMES = (
    'a"; DROP TABLE listings; --',
    "100% %s {} $1",
    "Цена, ₽",
    "select",
    "Title",
    "a\nb\\",
    "я" * 31,
)
INJECTION = "'); DROP TABLE vitrina_push; -- \\. %s {} <script>"
UTC = dt.UTC

VALUES: list[tuple[pa.DataType, list[Any], str, list[Any]]] = [
    (pa.string(), ["a\0b", "", None, INJECTION], "text", ["ab", "", None, INJECTION]),
    (pa.dictionary(pa.int32(), pa.string()), ["x", None], "text", ["x", None]),
    (pa.large_string(), ["ё\r\n\t"], "text", ["ё\r\n\t"]),
    (pa.int8(), [-128, None], "bigint", [-128, None]),
    (pa.uint64(), [2**64 - 1], "numeric", [Decimal(2**64 - 1)]),
    (pa.float16(), [0.5], "double precision", [0.5]),
    (pa.float64(), [float("inf"), -0.0], "double precision", [float("inf"), 0.0]),
    (pa.bool_(), [True, None], "boolean", [True, None]),
    (pa.decimal128(38, 10), [Decimal("1.5")], "numeric", [Decimal("1.5")]),
    (pa.date32(), [0, 10**7, None], "date", [dt.date(1970, 1, 1), None, None]),
    (pa.timestamp("ns"), [1_000, 1], "timestamp", [dt.datetime(1970, 1, 1, 0, 0, 0, 1)] * 1),
    (
        pa.timestamp("s", "Europe/Moscow"),
        [0, 10**15],
        "timestamptz",
        [dt.datetime(1970, 1, 1, tzinfo=UTC), None],
    ),
    (pa.timestamp("us", "No/Where"), [0], "timestamptz", [dt.datetime(1970, 1, 1, tzinfo=UTC)]),
    (pa.list_(pa.string()), [["a\0", None], [], None], "text[]", [["a", None], [], None]),
    (pa.list_(pa.int64()), [[1, None], None], "jsonb", [[1, None], None]),
    (pa.struct([("a", pa.string())]), [{"a": "\0\\u0000"}], "jsonb", [{"a": "\\u0000"}]),
    (pa.map_(pa.string(), pa.float64()), [[("a", float("nan"))]], "jsonb", [[["a", None]]]),
    (pa.duration("s"), [90, None], "text", ["PT90S", None]),
    (pa.null(), [None], "text", [None]),
]


def stored(database: str, column_type: pa.DataType, values: list[Any]) -> tuple[str, list[Any]]:
    """The type of a column in PostgreSQL, and its values after they were copied into a table."""
    array = pa.array(values, column_type)
    column = column_of("value", column_type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    rows = list(enumerate(column.values(array)))
    with psycopg.connect(database) as connection:
        connection.execute("SET timezone = 'UTC'")
        create = sql.SQL("CREATE TEMP TABLE t (n int, value {})").format(sql.SQL(column.type))
        connection.execute(create)
        copy_rows(connection, sql.Identifier("t"), {"n": "int4", "value": column.type}, rows)
        found = connection.execute("SELECT value FROM t ORDER BY n").fetchall()
    return column.type, [value for (value,) in found]


@pytest.mark.parametrize(("column_type", "values", "type_", "expected"), VALUES, ids=str)
def test_values_of_every_type_arrive(
    empty_database: str,
    column_type: pa.DataType,
    values: list[Any],
    type_: str,
    expected: list[Any],
) -> None:
    """In the type that PostgreSQL has for them; what it cannot hold as what comes nearest."""
    written, found = stored(empty_database, column_type, values[: len(expected)])
    assert written == type_
    assert found == expected


@given(st.lists(st.text(), max_size=5))
def test_any_text_arrives(server: Any, texts: list[str]) -> None:
    """All but the NUL characters, which PostgreSQL has none of."""
    address = f"host={server.pgdata} user={server.postgres_user} dbname=postgres"
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    _, found = stored(address, pa.string(), texts)
    assert found == [text.replace("\0", "") for text in texts]


@pytest.mark.parametrize(
    ("name", "column_type", "message"),
    [
        ("", pa.string(), "no such names"),
        ("a\0b", pa.string(), "no such names"),
        ("я" * 32, pa.string(), "at most 63 bytes"),
        ("product", pa.string(), "a column that pushing adds"),
        ("ctid", pa.string(), "in every table"),
        ("photo", pa.binary(), "holds bytes"),
    ],
)
def test_what_cannot_be_a_column_is_refused(
    name: str, column_type: pa.DataType, message: str
) -> None:
    """By its name or its type, before anything is written."""
    with pytest.raises(UserError, match=message):
        column_of(name, column_type)


def with_columns(shop: PushedShop, columns: dict[str, Any]) -> None:
    """Embed the shop with more columns, of any Arrow type."""
    shop.embed(shop.rows)
    table = Path(shop.run.result.table)
    content = pq.read_table(table)
    for name, values in columns.items():
        content = content.append_column(name, pa.array(values))
    pq.write_table(content, to_path(table).path)


def test_hostile_names_and_values_are_only_names_and_values(shop: PushedShop) -> None:
    """Quotes, percent signs, keywords, capitals and statements in columns, titles and ids."""
    nm = [f"{INJECTION}{number}" for number in range(40)]
    shop.embed(shop.rows.assign(nm=nm, title=INJECTION, **dict.fromkeys(HOSTILE_NAMES, INJECTION)))
    shop.push(columns=HOSTILE_NAMES, in_schema='x"; DROP TABLE vitrina_push; --')
    view = '"x""; DROP TABLE vitrina_push; --".listings'
    shop.assert_shown(view)
    found = shop.query(f"SELECT * FROM {view} WHERE nm = %s", nm[7])
    assert found[0][-len(HOSTILE_NAMES) :] == (INJECTION,) * len(HOSTILE_NAMES)
    shop.embed(shop.rows.assign(nm=nm, title=INJECTION).iloc[1:])
    shop.push(in_schema='x"; DROP TABLE vitrina_push; --')
    shop.assert_shown(view)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("prise",), "has no column 'prise'.*Did you mean 'price'"),
        (("product",), "a column that pushing adds"),
    ],
)
def test_a_column_that_cannot_be_pushed_is_named(
    shop: PushedShop, columns: tuple[str, ...], message: str
) -> None:
    """Before the database is asked for anything."""
    shop.embed(shop.rows.assign(price=1, product="x"))
    with pytest.raises(UserError, match=message):
        shop.push(columns=columns, database="host=/nowhere")


def test_a_column_more_is_added_to_the_view_and_one_less_makes_it_anew(shop: PushedShop) -> None:
    """Grants are kept; a view of the user's own on it is not dropped, but named."""
    shop.embed(shop.rows.assign(price=1, brend="Ёж"))
    shop.push()
    shop.query("GRANT SELECT ON listings TO PUBLIC")
    for columns in (("price",), ("price", "brend"), ("brend",)):
        assert shop.push(columns=columns).by == "table"
        shop.assert_shown()
        assert shop.query("SELECT has_table_privilege('public', 'listings', 'SELECT')")[0][0]
    shop.query("CREATE VIEW mine AS SELECT brend FROM listings")
    with pytest.raises(UserError, match="view mine depends on view listings"):
        shop.push()
    assert shop.query("SELECT DISTINCT brend FROM mine") == [("Ёж",)]


def test_half_precision_and_indexes(shop: PushedShop) -> None:
    """halfvec in half of the space; indexes are built as asked for, and others dropped."""

    def indexes(table: str) -> set[str]:
        query = "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND indexdef LIKE '%%hnsw%%'"
        return {one.split("USING ")[1] for (one,) in shop.query(query, table)}

    table = shop.push(vector_type="halfvec", index=("text", "product")).table
    shop.assert_shown()
    assert indexes(table) == {
        f"hnsw ({vector} halfvec_cosine_ops) WITH (m='16', ef_construction='64')"
        for vector in ("text", "product")
    }
    result = shop.push(vector_type="halfvec", index=("img",), hnsw_m=8)
    assert (result.by, result.table, result.written) == ("nothing", table, 0)
    assert indexes(table) == {"hnsw (img halfvec_cosine_ops) WITH (m='8', ef_construction='64')"}
    one = "(SELECT img FROM listings WHERE nm = 3)"
    assert len(shop.query(f"SELECT nm FROM listings ORDER BY img <=> {one} LIMIT 1")) == 1
