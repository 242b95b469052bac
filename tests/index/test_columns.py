"""Columns that an index is asked to hold are checked before anything runs."""

import pyarrow as pa
import pytest

from vitrina.errors import UserError
from vitrina.index.columns import check_columns

SCHEMA = pa.schema(
    [
        *(("brend", pa.string()), ("price", pa.int64()), ("a.b", pa.string())),
        *(("sizes", pa.list_(pa.string())), ("text", pa.string()), ("photo", pa.binary())),
    ]
)


def test_columns_of_plain_values_are_accepted() -> None:
    """Also none."""
    check_columns((), SCHEMA)
    check_columns(("brend", "price"), SCHEMA)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("brand", "no column 'brand' to keep in the index; it has: brend, price"),
        ("a.b", r"cannot be called 'a\.b'"),
        ("text", "cannot be called 'text'"),
        ("sizes", "is list"),
        ("photo", "is binary; an index keeps texts, numbers"),
    ],
)
def test_other_columns_are_refused_by_name(column: str, told: str) -> None:
    """With what to do."""
    with pytest.raises(UserError, match=told):
        check_columns(("brend", column), SCHEMA)
