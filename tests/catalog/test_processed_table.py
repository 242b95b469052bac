"""The processed table as the stages read it."""

from pathlib import Path

import pandas as pd
import pytest
from upath import UPath

from vitrina.catalog.processed_table import check_table, read_batches, read_table
from vitrina.errors import UserError
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path


def test_categories_are_values_like_others(tmp_path: Path) -> None:
    """A column of pandas' categories, or of Arrow's dictionaries, can be filled and compared."""
    kinds = pd.Series(["обувь", None, "сумки"], dtype="category")
    table = pd.DataFrame({"title": list("абв"), "image_path": list("xyz"), "category": kinds})
    table.to_parquet(tmp_path / "table.parquet")
    found = read_table(to_path(tmp_path / "table.parquet"))
    assert found["category"].fillna("").tolist() == ["обувь", "", "сумки"]


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_row_without_an_image_has_its_number_in_the_table(tmp_path: Path, name: str) -> None:
    """Not its number in the batch that it is read with."""
    table = pd.DataFrame({"title": list("абвгд"), "image_path": ["x", "x", "x", "", "x"]})
    write = table.to_csv if name.endswith("csv") else table.to_parquet
    write(tmp_path / name, index=False)
    with pytest.raises(UserError, match="no image in row 3"):
        list(read_batches(to_path(tmp_path / name), 2))


def test_texts_of_a_csv_are_kept_verbatim(place: UPath) -> None:
    """A product may be called None, and an id may start with zeros; other columns are parsed."""
    lines = "title,image_path,nm,price", "None,a.jpg,007,5", "NA,b.jpg,1e3,6"
    write_bytes(place / "table.csv", "\n".join(lines).encode())
    table = read_table(place / "table.csv")
    assert table["title"].tolist() == ["None", "NA"]
    assert table["nm"].tolist() == ["007", "1e3"]
    assert table["price"].tolist() == [5, 6]


def test_a_table_without_ids_gets_the_names_of_its_images(tmp_path: Path) -> None:
    """A table of another tool needs only titles and paths."""
    (tmp_path / "t.csv").write_text("title,image_path\nа,s3://shop/images/12.jpg\nб,x/13.webp\n")
    assert read_table(to_path(tmp_path / "t.csv"))["nm"].tolist() == ["12", "13"]


def test_only_the_wanted_columns_are_kept(tmp_path: Path) -> None:
    """Those that the table lacks are left out; rows are numbered through."""
    table = pd.DataFrame({"title": list("аб"), "image_path": list("xy"), "price": [1, 2]})
    table.to_parquet(tmp_path / "t.parquet", row_group_size=1)
    found = read_table(to_path(tmp_path / "t.parquet"), ("image_hash", "price", "title"))
    assert list(found) == ["title", "price"]
    assert found.index.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "title,path\nа,x\n", "has no column 'image_path'; it has: title, path"),
        ("t.csv", "", "cannot be read as a table"),
        ("t.parquet", "title,image_path\n", "cannot be read as a table"),
        ("t.csv", "title,image_path\n", "has no rows"),
    ],
)
def test_a_file_that_is_not_such_a_table_is_refused(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    """The message names the file and what is wrong with it."""
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=f"{name} {message}"):
        read_table(to_path(tmp_path / name))


def test_a_parquet_table_without_rows_is_refused(tmp_path: Path) -> None:
    """Like a CSV without any."""
    pd.DataFrame({"title": [], "image_path": []}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"t\.parquet has no rows"):
        read_table(to_path(tmp_path / "t.parquet"))


def test_the_check_reads_only_the_first_row(tmp_path: Path) -> None:
    """A later row without an image is found by the stage that reads the table."""
    path = to_path(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("title,image_path\nа,x.jpg\nб,\n")
    check_table(path)
    (tmp_path / "t.csv").write_text("title,image_path\nб,\n")
    with pytest.raises(UserError, match="no image in row 0"):
        check_table(path)
