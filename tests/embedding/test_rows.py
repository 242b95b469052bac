"""The rows of a table: their ids' type, and the keys that decide their vectors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from vitrina.embedding.rows import Rows, naming_table, rows_of, table_rows, table_stats
from vitrina.errors import UserError
from vitrina.store.fingerprint import file_fingerprint


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file that is hashed but never decoded here."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"image")
    return path


def csv(folder: Path, nm: list[str], image: Path) -> UPath:
    """A processed table with these ids, as another tool writes it."""
    path = folder / "table.csv"
    listings = {"title": [f"Кружка {one}" for one in nm], "image_path": str(image), "nm": nm}
    pd.DataFrame(listings).to_csv(path, index=False)
    return UPath(path)


@pytest.mark.parametrize(
    ("nm", "dtype"),
    [
        (["1", "-20", "0"], "int64"),
        (["1", "007"], "<U3"),
        (["1", "9" * 19], "<U19"),  # beyond int64
        (["1", "1.0"], "<U3"),
        (["артикул-9"], "<U9"),
    ],
)
def test_ids_are_integers_only_if_their_text_comes_back(
    nm: list[str], dtype: str, tmp_path: Path, image: Path
) -> None:
    """Otherwise all of them stay texts, in a dtype as wide as the longest."""
    table = csv(tmp_path, nm, image)
    stats = table_stats(table)
    assert (stats.rows, stats.nm_dtype) == (len(nm), np.dtype(dtype))
    (rows,) = table_rows(table, 10, stats)
    assert [str(one) for one in rows.nm] == nm


@pytest.mark.parametrize(
    ("ids", "dtype"),
    [
        (pa.array(["101", "7"]), "<U3"),
        (pa.array(["101", "A-7"]), "<U3"),
        (pa.array([b"101", b"7"]), "<U3"),
        (pa.array([101, 7], pa.uint64()), "int64"),
        (pa.array([101.0, 7.0]), "int64"),
    ],
    ids=str,
)
def test_ids_are_of_the_type_of_the_columns_in_parquet(
    ids: pa.Array, dtype: str, tmp_path: Path, image: Path
) -> None:
    """Texts stay texts, also where all look like numbers; so do those of the CSV beside it."""
    listings = {"nm": ids, "title": ["а", "б"], "image_path": [str(image)] * 2}
    pq.write_table(pa.table(listings), tmp_path / "table.parquet")
    texts = ["101", "A-7" if "A-7" in ids.to_pylist() else "7"]
    for table in (UPath(tmp_path / "table.parquet"), csv(tmp_path, texts, image)):
        stats = table_stats(table)
        assert stats.nm_dtype == np.dtype(dtype)
        (rows,) = table_rows(table, 10, stats)
        assert list(rows.nm) == (texts if dtype == "<U3" else [101, 7])


def test_ids_that_pandas_wrote_as_floats_are_integers(tmp_path: Path, image: Path) -> None:
    """If all of them are: a column of ids that had a null."""
    table = csv(tmp_path, ["101.0", "7.0"], image)
    (rows,) = table_rows(table, 10, table_stats(table))
    assert list(rows.nm) == [101, 7]


def test_a_table_without_ids_is_warned_of(
    tmp_path: Path, image: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its rows are numbered; the names of its images are not taken for ids."""
    table = UPath(tmp_path / "table.csv")
    pd.DataFrame({"title": list("аб"), "image_path": str(image)}).to_csv(table.path, index=False)
    stats = table_stats(table)
    assert [list(rows.nm) for rows in table_rows(table, 1, stats)] == [[0], [1]]
    assert stats.nm_dtype == np.dtype(np.int64)
    assert "has no column 'nm': the ids beside the vectors are the numbers" in caplog.text


def test_images_in_the_table_are_not_read(tmp_path: Path, image: Path) -> None:
    """Nor is anything else that embedding does not use."""
    photos = pa.array([{"bytes": b"x", "path": "y"}])
    odd = pa.array([2**60], pa.timestamp("us", "No/Zone"))
    listings = {"nm": [1], "title": ["а"], "image_path": [str(image)], "photo": photos, "at": odd}
    pq.write_table(pa.table(listings), tmp_path / "table.parquet")
    table = UPath(tmp_path / "table.parquet")
    (rows,) = table_rows(table, 10, table_stats(table))
    assert list(rows.nm) == [1]


def test_rows_come_in_groups_in_order(tmp_path: Path, image: Path) -> None:
    """The last one is shorter; a table without rows is one empty group."""
    table = csv(tmp_path, [str(nm) for nm in range(5)], image)
    stats = table_stats(table)
    assert [list(rows.nm) for rows in table_rows(table, 2, stats)] == [[0, 1], [2, 3], [4]]
    empty = csv(tmp_path, [], image)
    assert [len(rows) for rows in table_rows(empty, 2, table_stats(empty))] == [0]


def test_keys_are_of_the_title_and_of_the_images_content(tmp_path: Path, image: Path) -> None:
    """A stored hash is believed; where there is none the file is read."""
    same = tmp_path / "same.jpg"
    same.write_bytes(image.read_bytes())
    frame = pd.DataFrame(
        {
            "title": ["Кружка", "Кружка", None],
            "image_path": [str(image), str(same), "absent.jpg"],
            "nm": [1, 2, 3],
            "image_hash": [None, "", "stored"],
        }
    )
    rows = rows_of(frame, np.int64)
    assert rows.text_keys[0] == rows.text_keys[1] != rows.text_keys[2]
    assert rows.texts[2] == ""
    content = file_fingerprint(UPath(image))
    assert rows.image_keys == [content, content, "stored"]


def test_a_shards_fingerprint_is_of_ids_keys_and_settings() -> None:
    """Paths and titles as such are not in it: a moved image is the same image."""
    rows = Rows([1], ["a"], ["a.jpg"], ["text"], ["image"])
    moved = Rows([1], ["A"], ["b.jpg"], ["text"], ["image"])
    assert rows.fingerprint("settings") == moved.fingerprint("settings")
    others = [
        Rows([2], ["a"], ["a.jpg"], ["text"], ["image"]),
        Rows([1], ["a"], ["a.jpg"], ["other"], ["image"]),
        Rows([1], ["a"], ["a.jpg"], ["text"], ["other"]),
    ]
    prints = {one.fingerprint("settings") for one in [rows, *others]} | {rows.fingerprint("int8")}
    assert len(prints) == 5


def test_an_error_says_which_table_lists_the_image() -> None:
    """And what to do about it."""
    with (
        pytest.raises(UserError, match=r"a\.jpg is gone\. t\.csv lists this image: restore it"),
        naming_table(UPath("t.csv")),
    ):
        raise UserError("a.jpg is gone.")
