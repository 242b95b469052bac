"""What columns hold."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vitrina.config.catalog import CleanConfig
from vitrina.inspection.columns import sample_columns
from vitrina.inspection.sample import take_sample
from vitrina.store.paths import to_path


def test_values_are_shown_as_in_a_csv(tmp_path: Path) -> None:
    """Missing words are missing, text in bytes is text, images are their sizes."""
    table = pa.table(
        {
            "nm": [1, 2, 3, 4],
            "title": ["а", "nan", " ", "а"],
            "bytes": [b"\xd0\xb0", b"b", None, b""],
            "image": [b"\xff\xd8", b"\xff", None, b"\xff"],
            "tags": [["x"], [], None, ["x"]],
            "price": [1.5, None, 2.0, 2.0],
        }
    )
    pq.write_table(table, tmp_path / "c.parquet")
    columns = sample_columns(take_sample(to_path(tmp_path / "c.parquet"), CleanConfig(), 10))
    by_name = {column.name: column for column in columns}
    assert list(by_name) == table.column_names
    assert by_name["nm"].is_unique
    assert by_name["title"].texts == ["а", None, None, "а"]
    assert not by_name["title"].is_unique
    assert (by_name["title"].distinct, len(by_name["title"].filled)) == (1, 2)
    assert by_name["bytes"].texts == ["а", "b", None, None]
    assert by_name["image"].texts == ["<2 bytes>", "<1 bytes>", None, "<1 bytes>"]
    assert by_name["tags"].examples == ['["x"]', "[]"]
    assert by_name["price"].texts == ["1.5", None, "2", "2"]
