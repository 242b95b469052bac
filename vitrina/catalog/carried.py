"""Columns that cleaning only copies: any type that Parquet holds, with texts in valid UTF-8."""

import pyarrow as pa

from vitrina.catalog.arrow_leaves import map_leaves
from vitrina.catalog.column_types import is_bytes_type, is_text_type

# Texts of the catalogue that stages use; where a writer stored them as bytes they are read as text.
TEXT_NAMES = frozenset({"category", "sub_category", "brend"})


def carried_type(name: str, column_type: pa.DataType) -> pa.DataType:
    """The type in the cleaned table of a column of this name and type.

    It is the column's own, except that views, from which Arrow cannot take rows, become what they
    are views of, and dictionaries of anything but text, which Parquet does not keep, their values.
    """
    if name in TEXT_NAMES and is_bytes_type(column_type):
        return pa.string()
    if _is_text_dictionary(column_type) or isinstance(column_type, pa.BaseExtensionType):
        return column_type
    return map_leaves(pa.nulls(0, column_type), unview).type


def carried_rows(column: pa.Array, rows: pa.Array, column_type: pa.DataType) -> pa.Array:
    """These rows of a column in its ``carried_type``, with invalid UTF-8 in its texts replaced."""
    if column.type != column_type:
        column = map_leaves(column, unview)
    if column_type == pa.string() and is_bytes_type(column.type):
        return decoded(column.take(rows), column_type)
    column = column.take(rows)
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:  # of what it may be, only invalid text would hinder anyone
        return _repaired(column)
    return column


def decoded(texts: pa.Array, text_type: pa.DataType) -> pa.Array:
    """Texts or bytes as texts, with invalid UTF-8 replaced."""
    values = texts.cast(pa.large_binary()).to_pylist()
    repaired = (None if value is None else value.decode("utf-8", "replace") for value in values)
    return pa.array(repaired, text_type)


def unview(leaves: pa.Array) -> pa.Array:
    """The texts or bytes of a view, from which Arrow cannot take rows; any other array as it is."""
    if pa.types.is_string_view(leaves.type):
        return leaves.cast(pa.string())
    return leaves.cast(pa.binary()) if pa.types.is_binary_view(leaves.type) else leaves


def _is_text_dictionary(column_type: pa.DataType) -> bool:
    types = pa.types
    return types.is_dictionary(column_type) and any(
        test(column_type.value_type) for test in (types.is_string, types.is_large_string)
    )


def _repaired(array: pa.Array) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        return pa.ExtensionArray.from_storage(array.type, _repaired(array.storage))
    if _is_text_dictionary(array.type):
        dictionary = _repaired(array.dictionary)
        return pa.DictionaryArray.from_arrays(array.indices, dictionary, ordered=array.type.ordered)
    return map_leaves(array, _repaired_leaves)


def _repaired_leaves(leaves: pa.Array) -> pa.Array:
    return decoded(leaves, leaves.type) if is_text_type(leaves.type) else leaves
