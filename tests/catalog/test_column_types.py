"""Which columns can hold ids and texts, and what counts as an id."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from vitrina.catalog.column_types import (
    cleaned_extra_type,
    cleaned_id_type,
    is_id_type,
    is_readable_as_text,
    is_text_type,
    parse_id,
)

TEXTS = (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()))
NUMBERS = (pa.int8(), pa.uint64(), pa.float32(), pa.decimal128(9, 2), pa.null())
BYTES = (pa.binary(), pa.large_binary(), pa.binary_view())
OTHERS = (pa.bool_(), pa.list_(pa.string()), pa.date32(), pa.dictionary(pa.int8(), pa.int64()))


def test_types_of_ids_and_texts() -> None:
    """Ids are text or numbers; texts can also be read from bytes; other types hold neither."""
    types = (*TEXTS, *NUMBERS, *BYTES, *OTHERS)
    assert [kind for kind in types if is_text_type(kind)] == [*TEXTS]
    assert [kind for kind in types if is_id_type(kind)] == [*TEXTS, *NUMBERS]
    assert [kind for kind in types if is_readable_as_text(kind)] == [*TEXTS, *NUMBERS, *BYTES]


def test_types_after_cleaning() -> None:
    """Ids become int64 or string; other columns keep their type unless it is a view."""
    assert {cleaned_id_type(kind) for kind in TEXTS} == {pa.string()}
    assert {cleaned_id_type(kind) for kind in NUMBERS} == {pa.int64()}
    assert cleaned_extra_type(pa.string_view()) == pa.string()
    assert cleaned_extra_type(pa.binary_view()) == pa.binary()
    kept = (pa.list_(pa.int64()), pa.dictionary(pa.int8(), pa.string()), pa.large_string())
    assert tuple(map(cleaned_extra_type, kept)) == kept


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
