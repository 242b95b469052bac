"""One type for a column that the parts of a catalogue hold in several."""

import pyarrow as pa

from vitrina.catalog.arrow_leaves import map_leaves
from vitrina.catalog.carried import decoded, unview
from vitrina.catalog.column_types import is_bytes_type, is_text_type
from vitrina.catalog.csv_text import flat_texts, nested_texts


def joined_type(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """The type that holds the values of both; text if they have nothing else in common.

    Nulls become anything, integers wider ones or floats, lists and structs those of joined values
    and of all fields, and bytes beside texts are texts.
    """
    if first == second:
        return first
    kinds = _plain(first), _plain(second)
    if any(map(is_text_type, kinds)) and all(map(_is_text_or_bytes, kinds)):
        return pa.string()
    schemas = [pa.schema([("", kind)]) for kind in kinds]
    try:
        joined = pa.unify_schemas(schemas, promote_options="permissive").types[0]
        for kind in kinds:
            pa.nulls(1, kind).cast(joined)
    except pa.ArrowException:
        return pa.string()
    return joined


def converted(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """A column in a type that ``joined_type`` gave for its own.

    Raises pa.ArrowInvalid if that would change a value, such as an integer that no float holds.
    """
    if column.type == kind:
        return column
    if pa.types.is_null(column.type):
        return pa.nulls(len(column), kind)
    if is_bytes_type(column.type) and is_text_type(kind):
        return decoded(column, kind)
    column = map_leaves(column, unview)
    if pa.types.is_string(kind) and not _is_text_or_bytes(column.type):
        return _as_text(column)
    return column.cast(kind)


def _as_text(column: pa.Array) -> pa.Array:
    """The values as the CSV of the processed table shows them."""
    if pa.types.is_nested(column.type):
        texts = nested_texts(column)
    elif (flat := flat_texts(column)) is not None:
        texts = flat
    else:
        return column.cast(pa.string())
    nulls = column.is_null().to_numpy(zero_copy_only=False)
    return pa.array(texts, pa.string(), mask=nulls)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without dictionaries, views and extensions."""
    return map_leaves(pa.nulls(0, kind), unview).type


def _is_text_or_bytes(kind: pa.DataType) -> bool:
    return is_text_type(kind) or is_bytes_type(kind)
