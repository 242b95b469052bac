"""Which column types a catalogue may have, their types after cleaning, and how ids are parsed."""

from decimal import Decimal

import pyarrow as pa

from vitrina.catalog.normalize import INVISIBLE, is_missing, nfc, normalize_text
from vitrina.catalog.rejection import RejectionReason

Id = int | str
RawId = int | float | Decimal | str | None

# Above it, different integers share one float of that many bits.
MAX_EXACT_FLOAT = {16: 2**11, 32: 2**24, 64: 2**53}
INT64 = range(-(2**63), 2**63)
# Texts that are integers if all ids of a column that has no type look alike.
INTEGER = r"0|-?[1-9]\d{0,17}"  # fits int64 and keeps its text: no leading zeros
FLOAT = rf"(?:{INTEGER})\.0"  # an integer that pandas wrote as a float
BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u2800"  # a blank, but no space


def is_text_type(column_type: pa.DataType) -> bool:
    """Whether a column of this type holds text; dictionaries (categories) of text do."""
    types = pa.types
    if types.is_dictionary(column_type):
        return is_text_type(column_type.value_type)
    tests = (types.is_string, types.is_large_string, types.is_string_view)
    return any(test(column_type) for test in tests)


def is_bytes_type(column_type: pa.DataType) -> bool:
    """Whether a column of this type holds bytes; Impala, Hive and old Spark store text as bytes."""
    types = pa.types
    if types.is_dictionary(column_type):
        return is_bytes_type(column_type.value_type)
    tests = (
        types.is_binary,
        types.is_large_binary,
        types.is_binary_view,
        types.is_fixed_size_binary,
    )
    return any(test(column_type) for test in tests)


def is_number_type(column_type: pa.DataType) -> bool:
    """Whether a column of this type holds numbers, or nothing but nulls."""
    types = pa.types
    tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_null)
    return any(test(column_type) for test in tests)


def is_list_type(column_type: pa.DataType) -> bool:
    """Whether a column of this type holds lists, in any of Arrow's layouts."""
    types = pa.types
    tests = (
        types.is_list,
        types.is_large_list,
        types.is_fixed_size_list,
        types.is_list_view,
        types.is_large_list_view,
    )
    return any(test(column_type) for test in tests)


def is_list_of_text_type(column_type: pa.DataType) -> bool:
    """Whether a column of this type holds lists of texts, such as a description's paragraphs."""
    return is_list_type(column_type) and holds_text(column_type.value_type)


def holds_text(column_type: pa.DataType) -> bool:
    """Whether a column of this type holds text, or bytes that are read as text."""
    return is_text_type(column_type) or is_bytes_type(column_type)


def is_id_type(column_type: pa.DataType) -> bool:
    """Whether a column of this type can hold ids."""
    return holds_text(column_type) or is_number_type(column_type)


def is_readable_as_text(column_type: pa.DataType) -> bool:
    """Whether titles or descriptions can be read from a column of this type."""
    return is_id_type(column_type) or is_list_of_text_type(column_type)


def cleaned_id_type(column_type: pa.DataType) -> pa.DataType:
    """The type of ``nm`` in the cleaned table, from the type of the catalogue's id column.

    It is decided by the column alone: ids in a column of texts stay texts, whatever they look like.
    """
    return pa.string() if holds_text(column_type) else pa.int64()


def max_exact_integer(column_type: pa.DataType) -> int:
    """The largest integer that a column of this type tells from its neighbours."""
    if pa.types.is_floating(column_type):
        return MAX_EXACT_FLOAT[column_type.bit_width]
    return INT64.stop - 1


def parse_id(
    value: RawId, max_exact: int = MAX_EXACT_FLOAT[64]
) -> tuple[Id | None, RejectionReason | None]:
    """The id as an int64 or a normalized text, or None with the reason why the value is not one.

    Integral floats and decimals are ids: exports turn a column of integers that has a null into
    floats. A float above ``max_exact`` stands for several integers and is none.
    """
    if value is None or value != value:  # NaN, the null of a float column
        return None, RejectionReason.MISSING_ID
    if isinstance(value, str):
        nm = normalize_id(value)
        missing = is_missing(normalize_text(nm))
        return (None, RejectionReason.MISSING_ID) if missing else (nm, None)
    if isinstance(value, float) and not abs(value) <= max_exact:
        return None, RejectionReason.INVALID_ID
    if value != int(value) or int(value) not in INT64:
        return None, RejectionReason.INVALID_ID
    return int(value), None


def normalize_id(text: str) -> str:
    """A text id in NFC, without invisible characters and the spaces around it.

    What remains is kept as it is, also markup and runs of spaces: it is part of a file name.
    """
    if not text.isascii() or not text.isprintable():
        text = nfc(INVISIBLE.sub("", text))
    return text.strip(BLANKS)
