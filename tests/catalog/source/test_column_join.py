"""Columns that parts hold in several types."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from vitrina.catalog.source.column_join import converted, joined_type

TEXT = pa.string()


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.int64(), pa.float64(), pa.float64()),
        (pa.null(), pa.list_(TEXT), pa.list_(TEXT)),
        (TEXT, pa.large_string(), TEXT),
        (TEXT, pa.string_view(), TEXT),
        (pa.dictionary(pa.int32(), TEXT), TEXT, TEXT),
        (pa.dictionary(pa.int32(), TEXT), pa.dictionary(pa.int8(), TEXT), TEXT),
        (TEXT, pa.binary(), TEXT),
        (pa.struct([("a", pa.null())]), pa.struct([("a", TEXT)]), pa.struct([("a", TEXT)])),
        (pa.list_(pa.int32()), pa.list_(pa.int64()), pa.list_(pa.int64())),
        (TEXT, pa.int64(), TEXT),
        (pa.bool_(), pa.int64(), TEXT),
        (pa.list_(TEXT), TEXT, TEXT),
        (pa.timestamp("us", "UTC"), pa.timestamp("us"), TEXT),
        (pa.decimal128(10, 2), pa.int64(), TEXT),
    ],
    ids=str,
)
def test_two_types_have_one_that_holds_both(
    first: pa.DataType, second: pa.DataType, joined: pa.DataType
) -> None:
    """In either order; text is what anything can be."""
    assert joined_type(first, second) == joined == joined_type(second, first)
    for kind in (first, second):
        assert converted(pa.nulls(2, kind), joined).equals(pa.nulls(2, joined))


@pytest.mark.parametrize(
    ("column", "kind", "expected"),
    [
        (pa.array([b"\xd0\xb0", b"\xff", None]), TEXT, ["а", "\ufffd", None]),
        (pa.array([1, None]), TEXT, ["1", None]),
        (pa.array([Decimal("1.50"), None]), TEXT, ["1.50", None]),
        (pa.array([dt.date(2024, 5, 1), None]), TEXT, ["2024-05-01", None]),
        (pa.array([["a"], None]), TEXT, ['["a"]', None]),
        (pa.array([{"a": 1}, None]), pa.struct([("a", pa.int64()), ("b", TEXT)]), None),
        (pa.array(["a", None]).dictionary_encode(), TEXT, ["a", None]),
    ],
)
def test_values_are_converted_as_the_csv_shows_them(
    column: pa.Array, kind: pa.DataType, expected: list[str | None] | None
) -> None:
    """Nulls stay null, and a struct gets the fields that it lacks."""
    found = converted(column, kind)
    assert found.type == kind
    assert found.to_pylist() == (expected or [{"a": 1, "b": None}, None])


def test_a_value_is_never_changed_silently() -> None:
    """An integer that no float holds is an error."""
    with pytest.raises(pa.ArrowInvalid):
        converted(pa.array([2**53 + 1]), pa.float64())
