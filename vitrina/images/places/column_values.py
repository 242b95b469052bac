"""The values of a column as a pattern uses them: integers and texts."""

from decimal import Decimal
from typing import Any

import pyarrow as pa

from vitrina.catalog.column_types import holds_text
from vitrina.catalog.csv_text import flat_texts
from vitrina.config.pattern_expression import Value
from vitrina.errors import UserError


def check_type(name: str, kind: pa.DataType) -> None:
    """Raise UserError for a column that no pattern can use, such as one of lists."""
    if pa.types.is_nested(kind):
        raise UserError(
            f"resize.image_pattern: column {name!r} is {kind}; a pattern uses texts and numbers. "
            "For a column of paths, addresses or images there is resize.image_column."
        )


def pattern_values(column: pa.Array) -> list[Value | None]:
    """A column's values; None for null and for an empty text.

    Integral floats and decimals are integers: exports turn a column of integers that has a null
    into floats. Any other value is its text, as in the CSV.
    """
    if isinstance(column, pa.ExtensionArray):
        return pattern_values(column.storage)
    if pa.types.is_dictionary(column.type):
        return pattern_values(column.dictionary_decode())
    if holds_text(column.type):
        return list(text_values(column))
    types = pa.types
    tests = (types.is_integer, types.is_floating, types.is_decimal, types.is_boolean)
    if any(test(column.type) for test in tests):
        return [_number(value) for value in column.to_pylist()]
    return [text or None for text in flat_texts(column) or [""] * len(column)]


def text_values(column: pa.Array) -> list[str | None]:
    """The texts of a column of texts or bytes; None for null and for an empty text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    texts = column.cast(pa.large_binary()).to_pylist()
    return [text.decode("utf-8", "replace") if text else None for text in texts]


def _number(value: Any) -> Value | None:
    if value is None or value != value:  # NaN, the null of a float column
        return None
    if isinstance(value, float | Decimal) and value == value // 1:
        return int(value)
    return value if type(value) is int else str(value)
