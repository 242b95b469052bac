"""Some rows of a catalogue."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from vitrina.config.catalog import CleanConfig
from vitrina.inspection import sample as module
from vitrina.inspection.sample import take_sample
from vitrina.store.files import atomic_write
from vitrina.store.paths import to_path


def write(path: UPath, rows: range) -> None:
    """A Parquet file of ids."""
    with atomic_write(path) as temp_file:
        pq.write_table(pa.table({"nm": rows}), temp_file)


def test_the_first_rows_of_a_file_are_taken(place: UPath) -> None:
    """Or all, if there are fewer."""
    write(place / "c.parquet", range(100))
    for rows, expected in ((7, 7), (1_000, 100)):
        sample = take_sample(place / "c.parquet", CleanConfig(), rows)
        assert sample.rows == expected
        assert [one.to_pylist() for one in sample.column(0)] == [list(range(expected))]


def test_of_many_files_some_are_looked_into(place: UPath) -> None:
    """Spread over all of them, a few rows each."""
    for number in range(25):
        write(place / "c" / f"{number}.parquet", range(1_000 * number, 1_000 * number + 100))
    sample = take_sample(place / "c", CleanConfig(), 90)
    firsts = [one.to_pylist()[0] for one in sample.column(0)]
    assert firsts == [1_000 * number for number in range(0, 25, 3)]
    assert sample.rows == 90


def test_a_table_of_images_gives_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is limited, not rows."""
    monkeypatch.setattr(module, "MAX_BYTES", 1_000)
    for number in range(5):
        table = pa.table({"nm": [number], "image": [bytes(600)]})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    assert take_sample(to_path(tmp_path), CleanConfig(), 100).rows == 2


def test_a_row_of_other_types_behind_the_beginning_is_taken_too(tmp_path: Path) -> None:
    """All rows say the types then."""
    lines = [json.dumps({"nm": number, "title": "x" * 900}) for number in range(400)]
    (tmp_path / "c.jsonl").write_text("\n".join([*lines, '{"nm": "A7", "title": "y"}']))
    sample = take_sample(to_path(tmp_path / "c.jsonl"), CleanConfig(), 1_000)
    assert [nm for one in sample.column(0) for nm in one.to_pylist()][-2:] == ["399", "A7"]
