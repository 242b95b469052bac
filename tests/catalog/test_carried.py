"""Columns that cleaning copies: their types, and texts that are not UTF-8."""

from typing import Any

import pyarrow as pa
import pytest

from vitrina.catalog.carried import carried_rows, carried_type

BAD = pa.array([b"ok", "хит".encode("cp1251"), b"last"]).view(pa.string())
REPAIRED = ["ok", "\ufffd\ufffd\ufffd", "last"]


def rows(column: pa.Array, *numbers: int) -> pa.Array:
    """Rows of a column called ``x``."""
    return carried_rows(column, pa.array(numbers), carried_type("x", column.type))


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.int64()),
        pa.dictionary(pa.int8(), pa.string()),
        pa.large_string(),
        pa.timestamp("us", "Mars/Olympus_Mons"),
        pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string(), nullable=False)]),
        pa.float16(),
        pa.null(),
        pa.uuid(),
    ],
    ids=str,
)
def test_a_column_keeps_its_type(kind: pa.DataType) -> None:
    """Whether or not anything here can use it."""
    assert carried_type("x", kind) == kind


@pytest.mark.parametrize(
    ("kind", "carried"),
    [
        (pa.string_view(), pa.string()),
        (pa.binary_view(), pa.binary()),
        (pa.list_(pa.string_view()), pa.list_(pa.string())),
        (pa.list_view(pa.binary_view()), pa.large_list(pa.binary())),
        (pa.struct([("a", pa.string_view())]), pa.struct([("a", pa.string())])),
        (pa.map_(pa.string_view(), pa.binary_view()), pa.map_(pa.string(), pa.binary())),
        (pa.dictionary(pa.int32(), pa.int64()), pa.int64()),
        (pa.list_(pa.dictionary(pa.int32(), pa.string())), pa.list_(pa.string())),
    ],
    ids=str,
)
def test_types_that_arrow_or_parquet_cannot_handle_are_replaced(
    kind: pa.DataType, carried: pa.DataType
) -> None:
    """Rows cannot be taken from views, and Parquet keeps only dictionaries of texts."""
    assert carried_type("x", kind) == carried
    assert rows(pa.nulls(3, kind), 2, 0).type == carried


def test_categories_stored_as_bytes_become_text() -> None:
    """Impala and Hive store them so; other columns of bytes may hold anything and stay bytes."""
    for name in ("category", "sub_category", "brend"):
        assert carried_type(name, pa.binary()) == pa.string()
    column = pa.array(["обувь".encode(), None, b"\xff"])
    assert carried_rows(column, pa.array([0, 1, 2]), pa.string()).to_pylist() == [
        "обувь",
        None,
        "\ufffd",
    ]
    assert carried_type("photo", pa.binary()) == pa.binary()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (BAD, REPAIRED),
        (BAD.cast(pa.binary()).view(pa.string()).cast(pa.string_view()), REPAIRED),
        (pa.DictionaryArray.from_arrays([0, 1, 2], BAD), REPAIRED),
        (pa.ListArray.from_arrays([0, 1, 2, 3], BAD), [[text] for text in REPAIRED]),
        (pa.StructArray.from_arrays([BAD], ["a"]), [{"a": text} for text in REPAIRED]),
        (
            pa.MapArray.from_arrays([0, 1, 2, 3], BAD, pa.array([1, 2, 3])),
            [[(text, number)] for number, text in enumerate(REPAIRED, 1)],
        ),
        (
            pa.ListArray.from_arrays([0, 1, 2, 3], pa.StructArray.from_arrays([BAD], ["a"])),
            [[{"a": text}] for text in REPAIRED],
        ),
        (pa.ExtensionArray.from_storage(pa.json_(), BAD), REPAIRED),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_invalid_utf8_is_replaced_at_any_depth(column: pa.Array, values: list[Any]) -> None:
    """As in a plain text, without a word about the file; the type stays."""
    repaired = rows(column, 2, 1, 0)
    assert repaired.type == carried_type("x", column.type)
    repaired.validate(full=True)
    assert repaired.to_pylist() == values[::-1]


def test_values_that_are_invalid_otherwise_are_kept() -> None:
    """A decimal of more digits than its type allows hinders nobody."""
    wide = pa.Array.from_buffers(
        pa.decimal128(3, 0), 1, [None, pa.py_buffer((10**9).to_bytes(16, "little"))]
    )
    assert rows(wide, 0).buffers()[1].to_pybytes()[:16] == (10**9).to_bytes(16, "little")
