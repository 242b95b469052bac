"""What a CSV shows of each type of column."""

import datetime as dt
import json
from base64 import b64encode
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from vitrina.catalog.csv_text import flat_texts, nested_texts, without_binary

YEAR_0, YEAR_20000 = -62_167_219_200_000_000, 568_971_820_800_000_000
MAY = 1_714_566_600_120_000


def days(*numbers: int | None) -> pa.Array:
    """Dates, also of years that Python's have not."""
    return pa.array(numbers, pa.int32()).cast(pa.date32())


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (
            pa.array([YEAR_0, YEAR_20000, None, MAY], pa.timestamp("us")),
            ["0000-01-01 00:00:00", "20000-01-01 00:00:00", "", "2024-05-01 12:30:00.12"],
        ),
        (pa.array([-(2**63)], pa.timestamp("us")), [""]),
        (pa.array([123_456_789], pa.timestamp("ns")), ["1970-01-01 00:00:00.123456789"]),
        (pa.array([MAY], pa.timestamp("us", "Europe/Moscow")), ["2024-05-01 15:30:00.12+03:00"]),
        (pa.array([MAY], pa.timestamp("us", "-03:30")), ["2024-05-01 09:00:00.12-03:30"]),
        (pa.array([MAY], pa.timestamp("us", "Mars/Olympus")), ["2024-05-01 12:30:00.12+00:00"]),
        (
            pa.array([YEAR_20000, 2**63 - 1, None], pa.timestamp("us", "UTC")),
            ["20000-01-01 00:00:00+00:00", "294247-01-10 04:00:54.775807+00:00", ""],
        ),
        (days(0, -719_528, 6_585_322, None), ["1970-01-01", "0000-01-01", "20000-01-01", ""]),
        (pa.array([86_400_000], pa.date64()), ["1970-01-02"]),
        (pa.array([1_500, None, -1], pa.time64("ns")), ["00:00:00.0000015", "", ""]),
        (pa.array([86_399], pa.time32("s")), ["23:59:59"]),
        (
            pa.array([0, -1, 3_661_500, None, 2**63 - 1], pa.duration("ms")),
            ["PT0S", "-PT0.001S", "PT3661.5S", "", "PT9223372036854775.807S"],
        ),
        (pa.array([Decimal("1.50"), None], pa.decimal128(20, 2)), ["1.50", ""]),
        (pa.array([Decimal("0E-12")], pa.decimal256(60, 12)), ["0.000000000000"]),
        (pa.nulls(2), ["", ""]),
        (pa.array([b"\xff\xd8", None]), ["<2 bytes>", ""]),
        (pa.array([b"abcd", None], pa.binary(4)), ["<4 bytes>", ""]),
        (pa.array([b"abcd"], pa.binary_view()), ["<4 bytes>"]),
        (pa.array([b"abcd"]).dictionary_encode(), ["<4 bytes>"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_times_are_iso_and_bytes_are_never_shown(column: pa.Array, texts: list[str]) -> None:
    """Of any year, in any zone and unit; null is empty."""
    assert flat_texts(column) == texts
    assert flat_texts(column.slice(1)) == texts[1:]


def test_times_that_python_has_are_those_that_python_reads() -> None:
    """The text is that of the same moment."""
    stamps = [
        dt.datetime(2024, 2, 29, 23, 59, 59, 5),
        dt.datetime(1, 1, 1),
        dt.datetime(9999, 12, 31),
    ]
    texts = flat_texts(pa.array(stamps)) or []
    assert [dt.datetime.fromisoformat(text) for text in texts] == stamps


@pytest.mark.parametrize("kind", [pa.string(), pa.int8(), pa.float16(), pa.bool_()], ids=str)
def test_other_types_are_left_to_pandas(kind: pa.DataType) -> None:
    """It writes texts and numbers as they are."""
    assert flat_texts(pa.nulls(1, kind)) is None


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (pa.array([["a", 'б"'], None, []]), [["a", 'б"'], None, []]),
        (pa.array([[float("nan"), 1.5, float("inf"), None]]), [[None, 1.5, None, None]]),
        (pa.array([[1.5]], pa.list_(pa.float16())), [[1.5]]),
        (
            pa.array([[("цвет", "красный")]], pa.map_(pa.string(), pa.string())),
            [[["цвет", "красный"]]],
        ),
        (
            pa.array([[YEAR_0]], pa.list_(pa.timestamp("us", "No/Zone"))),
            [["0000-01-01 00:00:00+00:00"]],
        ),
        (pa.array([[None]], pa.list_(pa.null())), [[None]]),
        (pa.array([[None, Decimal("1.5")]], pa.list_(pa.decimal128(5, 2))), [[None, "1.50"]]),
        (
            pa.array([{"bytes": bytes(99_000), "path": "1.jpg"}, None]),
            [{"bytes": "<99000 bytes>", "path": "1.jpg"}, None],
        ),
        (pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), [{"a": 2}]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_nested_values_are_json(column: pa.Array, values: list[Any]) -> None:
    """Strict JSON, without NaN and without the bytes of an image."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    texts = nested_texts(column)
    assert [json.loads(text, parse_constant=refuse) for text in texts] == values


def test_a_cell_that_would_fill_the_file_shows_its_size() -> None:
    """The pixels of an image as a list of numbers; the rows beside it are as ever."""
    texts = nested_texts(pa.array([[1], [7] * 100_000, [2]], pa.list_(pa.uint8())))
    assert texts[::2] == ["[1]", "[2]"]
    assert texts[1].endswith(" bytes>")
    assert len(texts[1]) < 20


def test_bytes_written_as_text_are_not_written() -> None:
    """A catalogue in CSV or JSON holds images as Base64, or as pandas writes bytes; texts stay."""
    picture = bytes(range(256)) * 100
    base64 = b64encode(picture).decode()
    texts = [base64, str(picture), str({"bytes": picture}), "x" * 16_384, "слово " * 9_000, None]
    shown = without_binary(pa.array(texts)).to_pylist()
    assert shown[:3] == [f"<{len(text)} bytes>" for text in texts[:3] if text]
    assert shown[3:] == texts[3:]
    assert without_binary(pa.array([base64], pa.large_string())).to_pylist() == shown[:1]
