"""Reading JSON Lines: nested values, missing keys, values of several types, broken lines."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitrina.catalog.source.batch import WiderTypesNeededError
from vitrina.catalog.source.json_lines_part import JsonLinesPart
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.store.paths import to_path


def opened(path: Path, *lines: Any, whole: bool = False) -> JsonLinesPart:
    """The part of a file with these lines; what is no text is written as JSON."""
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("\n".join(texts), encoding="utf-8")
    return JsonLinesPart.open(to_path(path), CleanConfig(), whole=whole)


def columns(part: JsonLinesPart) -> dict[str, list[Any]]:
    """All values, by column."""
    return pa.Table.from_batches([batch.rows for batch in part.batches(2)]).to_pydict()


def test_nested_values_stay_and_missing_keys_are_null(tmp_path: Path) -> None:
    """In the order in which the keys appear."""
    part = opened(
        tmp_path / "c.jsonl",
        {"nm": 1, "tags": ["a"], "size": {"w": 1}},
        "",
        {"nm": 2, "size": {"h": 2.5}, "price": 1},
    )
    assert part.schema.names == ["nm", "tags", "size", "price"]
    assert columns(part) == {
        "nm": [1, 2],
        "tags": [["a"], None],
        "size": [{"w": 1, "h": None}, {"w": None, "h": 2.5}],
        "price": [None, 1],
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5, None], [1.0, 2.5, None]),
        ([7, "A7", "007"], ["7", "A7", "007"]),
        ([True, 1], ["true", "1"]),
        ([2**63, 1], ["9223372036854775808", "1"]),
        (["a", ["b"], {"c": "ё"}, [], {}], ["a", '["b"]', '{"c": "ё"}', None, None]),
        (["2024-01-01", "2024-01-02T00:00:00"], ["2024-01-01", "2024-01-02T00:00:00"]),
        ([{}, {}], [None, None]),
        ([[{}], None], [[None], None]),
        ([{}, {"a": 1}], [{"a": None}, {"a": 1}]),
        ([2**53 + 1, 0.5], [float(2**53), 0.5]),
        ([{"a": 1}, {"a": "x"}], ['{"a": 1}', '{"a": "x"}']),
        ([None, None], [None, None]),
    ],
)
def test_values_of_several_types_are_text(
    tmp_path: Path, values: list[Any], expected: list[Any]
) -> None:
    """Numbers among texts are not lost, and texts among numbers neither; dates stay texts."""
    part = opened(tmp_path / "c.jsonl", *({"x": value} for value in values))
    assert columns(part) == {"x": expected}


def test_what_the_beginning_does_not_show_is_found_by_the_whole(tmp_path: Path) -> None:
    """A file whose last line has another type and another key."""
    many = [{"nm": number, "title": "x" * 500} for number in range(2_000)]
    lines = (*many, {"nm": "A7", "tags": ["b"]})
    with pytest.raises(WiderTypesNeededError):
        columns(opened(tmp_path / "c.jsonl", *lines))
    found = columns(opened(tmp_path / "c.jsonl", *lines, whole=True))
    assert found["nm"][-2:] == ["1999", "A7"]
    assert found["tags"][-2:] == [None, ["b"]]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"nm": 1', "no JSON: Expecting"),
        ("[1]", "a JSON list, not an object"),
        ("7", "a JSON int, not an object"),
        ("[" * 100_000, "no JSON"),
        ('{"nm": ' + "1" * 5_000 + "}", "no JSON that can be read"),
    ],
)
def test_a_broken_line_is_named_by_its_number(tmp_path: Path, line: str, problem: str) -> None:
    """The others are read."""
    part = opened(tmp_path / "c.jsonl", {"nm": 1}, "", line, {"nm": 2})
    (batch,) = part.batches(10)
    assert batch.rows["nm"].to_pylist() == [1, 2]
    (row,) = batch.malformed
    assert (row.before, row.where) == (1, f"{tmp_path / 'c.jsonl'}, line 3")
    assert row.problem.startswith(problem)


def test_half_of_a_character_is_replaced(tmp_path: Path) -> None:
    """JSON can hold what no text can; a whole pair is a character."""
    part = opened(
        tmp_path / "c.jsonl", r'{"nm": "\ud83d\ude00", "x": ["\ud83d", {"a": "\udc00!"}]}'
    )
    assert columns(opened(tmp_path / "d.jsonl", r'{"nm": "\ud83d\ude00"}')) == {"nm": ["😀"]}
    assert columns(part)["x"] == ['["?", {"a": "?!"}]']


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["[", '{"nm": 1}', "]"], "is a JSON array, not JSON Lines"),
        (["{", '"nm": 1', "}"], "none of its first lines is a JSON object"),
        (["nm,title", "1,a"], "none of its first lines is a JSON object"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    """With what to do."""
    with pytest.raises(UserError, match=message):
        opened(tmp_path / "c.jsonl", *lines)


def test_batches_of_large_rows_have_fewer_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory stays flat, whatever is in the objects."""
    monkeypatch.setattr("vitrina.catalog.source.json_lines_part.MAX_BATCH_BYTES", 1_000)
    part = opened(tmp_path / "c.jsonl", *({"nm": n, "x": "y" * 300} for n in range(9)))
    assert [batch.rows.num_rows for batch in part.batches(100)] == [4, 4, 1]
    assert part.describe() == "JSON Lines in utf-8"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), min_size=1, max_size=6)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_objects_are_read(tmp_path: Path, objects: list[dict[str, Any]]) -> None:
    """Whatever their values; by the beginning and by the whole alike, in batches of any size."""
    parts = [opened(tmp_path / "c.jsonl", *objects, whole=whole) for whole in (False, True)]
    tables = [
        pa.Table.from_batches([batch.rows for batch in part.batches(size)])
        for part in parts
        for size in (1, 10)
    ]
    assert tables[0].num_rows == len(objects)
    assert all(table.equals(tables[0]) for table in tables)
