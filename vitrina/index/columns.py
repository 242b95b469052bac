"""The columns of an index: its own, and those of the catalogue that it can hold."""

from collections.abc import Sequence

import pyarrow as pa

from vitrina.errors import UserError

PRODUCT, ROW_KEY = "product", "row_key"
VECTORS = ("text", "img", PRODUCT)
KEPT = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_date,
    pa.types.is_timestamp,
    pa.types.is_decimal128,
)


def check_columns(columns: Sequence[str], schema: pa.Schema) -> None:
    """Raise UserError for a column that is missing, or that an index cannot hold."""
    for name in columns:
        if name not in schema.names:
            raise UserError(
                f"The catalogue has no column {name!r} to keep in the index; it has: "
                f"{', '.join(schema.names)}. Set index.columns."
            )
        if name in VECTORS or name == ROW_KEY or any(sign in name for sign in ".`"):
            raise UserError(
                f"A column of the index cannot be called {name!r}: its own columns are "
                f"{', '.join((*VECTORS, ROW_KEY))}, and names have no '.' and no '`'. Rename it in "
                "the catalogue, or leave it out of index.columns."
            )
        if not is_kept(schema.field(name).type):
            raise UserError(
                f"Column {name!r} is {schema.field(name).type}; an index keeps texts, numbers, "
                "dates and truth values. Leave it out of index.columns."
            )


def is_kept(kind: pa.DataType) -> bool:
    """Whether an index can hold values of a type, hash them and filter by them."""
    if pa.types.is_dictionary(kind):
        return is_kept(kind.value_type)
    return any(test(kind) for test in KEPT) and not pa.types.is_float16(kind)
