"""Which columns can hold ids and texts, and what counts as an id."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from vitrina.catalog.column_types import (
    cleaned_id_type,
    is_id_type,
    is_readable_as_text,
    is_text_type,
    max_exact_integer,
    parse_id,
)

TEXTS = (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()))
NUMBERS = (pa.int8(), pa.uint64(), pa.float32(), pa.decimal128(9, 2), pa.null())
BYTES = (pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(8))
LISTS = (pa.list_(pa.string()), pa.large_list(pa.binary()), pa.list_view(pa.string_view()))
OTHERS = (pa.bool_(), pa.list_(pa.int8()), pa.date32(), pa.dictionary(pa.int8(), pa.int64()))


def test_types_of_ids_and_texts() -> None:
    """Ids are text, also as bytes, or numbers; texts can be lists of texts as well."""
    ids = (*TEXTS, *NUMBERS, *BYTES)
    types = (*ids, *LISTS, *OTHERS)
    assert [kind for kind in types if is_text_type(kind)] == [*TEXTS]
    assert [kind for kind in types if is_id_type(kind)] == [*ids]
    assert [kind for kind in types if is_readable_as_text(kind)] == [*ids, *LISTS]


def test_types_after_cleaning() -> None:
    """Ids become int64 or string, by their column's type and by nothing else."""
    assert {cleaned_id_type(kind) for kind in (*TEXTS, *BYTES)} == {pa.string()}
    assert {cleaned_id_type(kind) for kind in NUMBERS} == {pa.int64()}


@pytest.mark.parametrize(
    ("kind", "exact"), [(pa.float16(), 2**11), (pa.float32(), 2**24), (pa.float64(), 2**53)]
)
def test_a_float_is_an_id_as_far_as_its_type_tells_integers_apart(
    kind: pa.DataType, exact: int
) -> None:
    """Above that, two ids of the shop have become one number."""
    assert max_exact_integer(kind) == exact
    assert parse_id(float(exact), exact) == (exact, None)
    assert parse_id(float(exact + 2), exact) == (None, "invalid_id")


@pytest.mark.parametrize(
    ("value", "nm"),
    [
        ("A\u200b-7\ufeff", "A-7"),
        ("\u00a0A-7\u2800\u3000", "A-7"),
        ("и\u0306", "й"),
        ("e\u200d\u0308", "ë"),
        ("7\0", "7"),
        ("A  7", "A  7"),
        ("<b>7</b>", "<b>7</b>"),
    ],
)
def test_what_is_invisible_in_an_id_is_removed(value: str, nm: str) -> None:
    """As in a title, and composed; the rest is part of a file's name and stays."""
    assert parse_id(value) == (nm, None)
    assert parse_id(nm) == (nm, None)


@pytest.mark.parametrize(
    ("value", "nm"),
    [
        (5, 5),
        (-(2**63), -(2**63)),
        (7.0, 7),
        (float(2**53), 2**53),
        (Decimal("5.00"), 5),
        (" 007 ", "007"),
        ("nano", "nano"),
    ],
)
def test_an_id_is_an_integer_or_a_text(value: Any, nm: Any) -> None:
    """Integral numbers become integers; a text loses the spaces around it and nothing else."""
    parsed, reason = parse_id(value)
    assert (parsed, reason) == (nm, None)
    assert type(parsed) is type(nm)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing_id"),
        (float("nan"), "missing_id"),
        (" \u200b", "missing_id"),
        ("<b></b>", "missing_id"),
        ("NULL", "missing_id"),
        (2**63, "invalid_id"),
        (2.5, "invalid_id"),
        (float(2**53 + 2), "invalid_id"),
        (float("-inf"), "invalid_id"),
        (Decimal("5.5"), "invalid_id"),
    ],
)
def test_anything_else_has_its_reason(value: Any, reason: str) -> None:
    """A value that stands for null is missing; a number that no int64 holds exactly is invalid."""
    assert parse_id(value) == (None, reason)
