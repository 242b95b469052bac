"""Which column types a catalogue may have, their types after cleaning, and how ids are parsed."""

from decimal import Decimal

import pyarrow as pa

from vitrina.catalog.normalize import is_missing, normalize_text
from vitrina.catalog.rejection import RejectionReason

Id = int | str
RawId = int | float | Decimal | str | None

MAX_EXACT_FLOAT = 2**53  # above it, different integers share one float64
INT64 = range(-(2**63), 2**63)


def is_text_type(column_type: pa.DataType) -> bool:
    """Whether a column of this type holds text; dictionaries (categories) of text do."""
    types = pa.types
    if types.is_dictionary(column_type):
        return is_text_type(column_type.value_type)
    tests = (types.is_string, types.is_large_string, types.is_string_view)
    return any(test(column_type) for test in tests)


def is_id_type(column_type: pa.DataType) -> bool:
    """Whether a column of this type can hold ids."""
    types = pa.types
    tests = (is_text_type, types.is_integer, types.is_floating, types.is_decimal, types.is_null)
    return any(test(column_type) for test in tests)


def is_bytes_type(column_type: pa.DataType) -> bool:
    """Whether a column of this type holds bytes; some writers store text as bytes."""
    types = pa.types
    tests = (types.is_binary, types.is_large_binary, types.is_binary_view)
    return any(test(column_type) for test in tests)


def is_readable_as_text(column_type: pa.DataType) -> bool:
    """Whether titles or descriptions can be read from a column of this type."""
    return is_bytes_type(column_type) or is_id_type(column_type)


def cleaned_id_type(column_type: pa.DataType) -> pa.DataType:
    """The type of ``nm`` in the cleaned table, from the type of the catalogue's id column."""
    return pa.string() if is_text_type(column_type) else pa.int64()


def cleaned_extra_type(column_type: pa.DataType) -> pa.DataType:
    """The type in the cleaned table of a column that cleaning only copies.

    It is the column's own, except for views, from which Arrow cannot take rows.
    """
    if pa.types.is_string_view(column_type):
        return pa.string()
    return pa.binary() if pa.types.is_binary_view(column_type) else column_type


def parse_id(value: RawId) -> tuple[Id | None, RejectionReason | None]:
    """The id as an int64 or a stripped text, or None with the reason why the value is not one.

    Integral floats and decimals are ids: exports turn a column of integers that has a null into
    floats.
    """
    if value is None or value != value:  # NaN, the null of a float column
        return None, RejectionReason.MISSING_ID
    if isinstance(value, str):
        if is_missing(normalize_text(value)):
            return None, RejectionReason.MISSING_ID
        return value.strip(), None
    if isinstance(value, float) and not abs(value) <= MAX_EXACT_FLOAT:
        return None, RejectionReason.INVALID_ID
    if value != int(value) or int(value) not in INT64:
        return None, RejectionReason.INVALID_ID
    return int(value), None
