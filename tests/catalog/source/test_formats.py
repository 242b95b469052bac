"""Which files are tables, by their names, and what is said of those that are not."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vitrina.catalog.source.formats import format_by_name, format_of
from vitrina.errors import UserError
from vitrina.store.paths import to_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("part-00000-c000.snappy.parquet", "Parquet"),
        ("SHOP.PARQUET", "Parquet"),
        ("a/b.pq", "Parquet"),
        ("shop.csv", "CSV"),
        ("shop.CSV.GZ", "CSV"),
        ("shop.tsv", "CSV"),
        ("shop.jsonl", "JSON Lines"),
        ("part-0.json.gz", "JSON Lines"),
        ("shop.ndjson", "JSON Lines"),
        ("shop.parquet.gz", None),
        ("shop.xlsx", None),
        ("000000_0", None),
        (".csv", None),
        ("shop.v2/readme", None),
    ],
)
def test_the_ending_says_the_format(name: str, expected: str | None) -> None:
    """In any case of letters; compressed, only text."""
    assert format_by_name(name) == expected


def test_parquet_is_known_by_its_content_too(tmp_path: Path) -> None:
    """Hive's parts have no ending, and a file may have any."""
    for name in ("000000_0", "shop.data"):
        pq.write_table(pa.table({"nm": [1]}), tmp_path / name)
        assert format_of(to_path(tmp_path / name)) == "Parquet"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("shop.xlsx", "Export the sheet as CSV"),
        ("shop.zip", "Unpack it"),
        ("shop.csv.bz2", "Unpack it"),
        ("shop.parquet.gz", "Unpack it"),
        ("shop.orc", "Write the table as Parquet"),
        ("shop.db", "Export the table as CSV"),
        ("1.jpg", "give the folder of the images separately"),
        ("shop", "Export the table as one of them"),
    ],
)
def test_what_to_do_about_another_file_is_said(tmp_path: Path, name: str, remedy: str) -> None:
    """In a line that names it and the formats that are read."""
    (tmp_path / name).write_bytes(b"something")
    with pytest.raises(UserError, match=remedy) as told:
        format_of(to_path(tmp_path / name))
    assert str(told.value).startswith(str(tmp_path / name))
    assert "Parquet (.parquet), CSV" in str(told.value)
    assert "\n" not in str(told.value)
