"""What the columns of a catalogue may be: ids (integers or text) and texts."""

from decimal import Decimal

import pyarrow as pa

from vitrina.catalog.normalize import is_missing, normalize_text

Id = int | str
RawId = int | float | Decimal | str | None

EXACT_FLOATS = 2**53  # beyond, neighbouring integers are the same float
INT64 = range(-(2**63), 2**63)


def is_text_type(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text, categories of text included."""
    types = pa.types
    if types.is_dictionary(kind):
        return is_text_type(kind.value_type)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_id_type(kind: pa.DataType) -> bool:
    """Whether a column of this type can hold ids."""
    types = pa.types
    tests = (is_text_type, types.is_integer, types.is_floating, types.is_decimal, types.is_null)
    return any(test(kind) for test in tests)


def is_bytes_type(kind: pa.DataType) -> bool:
    """Whether a column of this type holds bytes, which is how some writers store text."""
    types = pa.types
    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))


def is_readable_as_text(kind: pa.DataType) -> bool:
    """Whether titles or descriptions can be read from a column of this type."""
    return is_bytes_type(kind) or is_id_type(kind)


def id_type(kind: pa.DataType) -> pa.DataType:
    """The type of ``nm`` in the cleaned table for a column of this type in the catalogue."""
    return pa.string() if is_text_type(kind) else pa.int64()


def carried_type(kind: pa.DataType) -> pa.DataType:
    """The type in the cleaned table of a column that is carried along: its own, views no longer.

    Arrow cannot take rows of a view.
    """
    if pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def read_id(value: RawId) -> tuple[Id | None, str]:
    """A catalogue's id as an int64 or a stripped text and ``""``; or None and what is wrong.

    A float or decimal is an id when it is integral: a column of integers with one null arrives as
    floats. Problems are ``missing_id`` and ``invalid_id``.
    """
    if value is None or value != value:  # NaN, the null of a float column
        return None, "missing_id"
    if isinstance(value, str):
        return (None, "missing_id") if is_missing(normalize_text(value)) else (value.strip(), "")
    if isinstance(value, float) and not abs(value) <= EXACT_FLOATS:
        return None, "invalid_id"
    if value != int(value) or int(value) not in INT64:
        return None, "invalid_id"
    return int(value), ""
