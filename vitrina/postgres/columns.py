"""Columns of the processed table in PostgreSQL: their types there, and their values.

A value that PostgreSQL cannot hold is stored as what comes nearest: a text without its NUL
characters, a time beyond Python's years as null.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa

from vitrina.catalog.column_types import is_bytes_type, is_list_of_text_type, is_text_type
from vitrina.catalog.csv_text import flat_texts, nested_texts
from vitrina.errors import UserError

Values = Callable[[pa.Array], list[Any]]
# What pushing adds, and the columns that every table of PostgreSQL has already.
OWN = ("text", "img", "product", "model", "content_key")
SYSTEM = ("tableoid", "ctid", "xmin", "cmin", "xmax", "cmax")
MAX_NAME_BYTES = 63


class Column(NamedTuple):
    """A column: its name in both tables, its type in PostgreSQL, and how its values are made."""

    name: str
    type: str
    values: Values


def column_of(name: str, column_type: pa.DataType) -> Column:
    """The column for one of the processed table. UserError if PostgreSQL cannot have it."""
    _check_name(name)
    kind = column_type.value_type if pa.types.is_dictionary(column_type) else column_type
    if is_bytes_type(kind):
        raise UserError(
            f"Column {name!r} holds bytes, which would fill the database: leave it out of columns."
        )
    return next(
        (Column(name, written, values) for test, written, values in KINDS if test(kind)),
        Column(name, "text", _written),
    )


def _check_name(name: str) -> None:
    """Raise UserError if no column of PostgreSQL can have the name, or one has it already."""
    reason = ""
    if name in OWN:
        reason = "that is the name of a column that pushing adds"
    elif name in SYSTEM:
        reason = "PostgreSQL has a column of that name in every table"
    elif not name or "\0" in name:
        reason = "PostgreSQL has no such names"
    elif len(name.encode()) > MAX_NAME_BYTES:
        reason = f"a name in PostgreSQL has at most {MAX_NAME_BYTES} bytes"
    if reason:
        raise UserError(f"Column {name!r} cannot be pushed: {reason}. Leave it out of columns.")


def _plain(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


def _decimals(column: pa.Array) -> list[Any]:
    return [None if value is None else Decimal(value) for value in column.to_pylist()]


def _texts(column: pa.Array) -> list[Any]:
    return [text and text.replace("\0", "") for text in column.to_pylist()]


def _lists(column: pa.Array) -> list[Any]:
    return [_without_nul(texts) for texts in column.to_pylist()]


def _json(column: pa.Array) -> list[Any]:
    values = (json.loads(text) for text in nested_texts(column))
    return [None if value is None else _without_nul(value) for value in values]


def _without_nul(value: Any) -> Any:
    """A value of JSON whose texts have no NUL characters."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_without_nul(one) for one in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(one) for name, one in value.items()}
    return value


def _written(column: pa.Array) -> list[Any]:
    """As in a CSV; types that only Arrow has, such as durations."""
    texts = flat_texts(column)
    nulls = column.is_null().to_pylist()
    plain = column.cast(pa.string()).to_pylist() if texts is None else texts
    return [None if null else text for null, text in zip(nulls, plain, strict=True)]


def _times(column: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        zone = "UTC" if column.type.tz else None  # the moment counts, however its zone is called
        column = column.cast(pa.timestamp("us", zone), safe=False)
    try:
        return _plain(column)
    except (ValueError, OverflowError):
        return [_time(value) for value in column]


def _time(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return None


def _is_zoned(column_type: pa.DataType) -> bool:
    return pa.types.is_timestamp(column_type) and column_type.tz is not None


def _is_list_of_texts(column_type: pa.DataType) -> bool:
    return is_list_of_text_type(column_type) and is_text_type(column_type.value_type)


# The first that fits; what fits none is written as in a CSV.
KINDS: tuple[tuple[Callable[[pa.DataType], bool], str, Values], ...] = (
    (is_text_type, "text", _texts),
    (pa.types.is_boolean, "boolean", _plain),
    (pa.types.is_uint64, "numeric", _decimals),
    (pa.types.is_integer, "bigint", _plain),
    (pa.types.is_floating, "double precision", _plain),
    (pa.types.is_decimal, "numeric", _decimals),
    (pa.types.is_date, "date", _times),
    (_is_zoned, "timestamptz", _times),
    (pa.types.is_timestamp, "timestamp", _times),
    (_is_list_of_texts, "text[]", _lists),
    (pa.types.is_nested, "jsonb", _json),
)
