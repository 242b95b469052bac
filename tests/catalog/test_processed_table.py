"""The processed table as the stages read it."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from vitrina.catalog.processed_table import check_table, id_kind, read_batches, read_table
from vitrina.errors import UserError
from vitrina.store.files import atomic_write, write_bytes
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


@pytest.mark.parametrize("name", ["t.csv", "t.parquet"])
def test_the_rows_of_a_table_without_ids_are_numbered(tmp_path: Path, name: str) -> None:
    """A table of another tool needs only titles and paths; file names are not taken for ids."""
    frame = pd.DataFrame({"title": list("абв"), "image_path": ["9.jpg", "8.jpg", "7.jpg"]})
    (frame.to_csv if name.endswith("csv") else frame.to_parquet)(tmp_path / name, index=False)
    frames = list(read_batches(to_path(tmp_path / name), 2))
    assert [frame["nm"].tolist() for frame in frames] == [[0, 1], [2]]
    assert id_kind(to_path(tmp_path / name)) == "none"


@pytest.mark.parametrize("index", ["nm", "title", ["nm", "title"]])
@pytest.mark.parametrize("ids", [[901, 902, 903], [908, 3, 901], ["a", "b", "7"]])
def test_ids_may_be_pandas_index(tmp_path: Path, index: Any, ids: list[Any]) -> None:
    """As df.set_index("nm").to_parquet() writes them; consecutive ones as a range, not a column."""
    frame = pd.DataFrame({"nm": ids, "title": list("абв"), "image_path": list("xyz")})
    frame.set_index(index).to_parquet(tmp_path / "t.parquet", row_group_size=2)
    table = to_path(tmp_path / "t.parquet")
    assert read_table(table)["nm"].tolist() == ids
    assert id_kind(table) == ("text" if "a" in ids else "integer")


@pytest.mark.parametrize(
    ("ids", "kind", "values"),
    [
        (pa.array([101, 102], pa.int32()), "integer", [101, 102]),
        (pa.array([101, 102], pa.uint64()), "integer", [101, 102]),
        (pa.array([101.0, 102.0]), "integer", [101, 102]),
        (pa.array([Decimal("101.00"), Decimal("102.00")]), "integer", [101, 102]),
        (pa.array(["101", "102"]), "text", ["101", "102"]),
        (pa.array(["101", "A-7"]).dictionary_encode(), "text", ["101", "A-7"]),
        (pa.array([b"101", "й".encode()]), "text", ["101", "й"]),
        (pa.array([b"101", b"\xff"], pa.binary_view()), "text", ["101", "\ufffd"]),
        (pa.array([101, 102]).dictionary_encode(), "integer", [101, 102]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_the_columns_type_decides_what_ids_are(
    tmp_path: Path, ids: pa.Array, kind: str, values: list[Any]
) -> None:
    """Integral floats are integers, bytes are texts, and texts stay texts."""
    listings = {"nm": ids, "title": ["а", "б"], "image_path": ["1.jpg", "2.jpg"]}
    pq.write_table(pa.table(listings), tmp_path / "t.parquet")
    table = to_path(tmp_path / "t.parquet")
    found = read_table(table)["nm"].tolist()
    assert (id_kind(table), found, [type(nm) for nm in found]) == (
        kind,
        values,
        [int if kind == "integer" else str] * 2,
    )


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (pa.array([1, None]), r"nm in row 1 .* is None, which is no id \(missing_id\)"),
        (pa.array([1.0, 2.5]), r"nm in row 1 .* is 2\.5, .*\(invalid_id\)"),
        (pa.array([1, 2**64 - 1], pa.uint64()), r"nm in row 1 .* is 18446744073709551615"),
        (pa.array(["a", None]), "names no id in row 1"),
        (pa.array(["a", ""]), "names no id in row 1"),
    ],
)
def test_a_row_without_a_usable_id_is_refused(tmp_path: Path, ids: pa.Array, message: str) -> None:
    """By its number; an id that does not fit is not wrapped to another one."""
    listings = {"nm": ids, "title": ["а", "б"], "image_path": ["1.jpg", "2.jpg"]}
    pq.write_table(pa.table(listings), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=message):
        list(read_batches(to_path(tmp_path / "t.parquet"), 1))


def test_the_parquet_table_beside_a_csv_says_whether_its_ids_are_texts(place: UPath) -> None:
    """Digits alone do not tell; a file that is no Parquet tells nothing."""
    write_bytes(place / "t.csv", "\ufeffnm,title,image_path\n101,а,1.jpg\n".encode())
    assert id_kind(place / "t.csv") == "digits"
    for ids, kind in (([101], "digits"), (["101"], "text")):
        with atomic_write(place / "t.parquet") as temp_file:
            pq.write_table(pa.table({"nm": ids}), temp_file)
        assert id_kind(place / "t.csv") == kind
    write_bytes(place / "t.parquet", b"PAR1")
    assert id_kind(place / "t.csv") == "digits"


@pytest.mark.parametrize("value", ["1.jpg", '{"a": 1}', "[1]", "['1.jpg']"])
def test_paths_that_are_no_json_array_are_refused(tmp_path: Path, value: str) -> None:
    """By their row: they are not guessed at."""
    frame = pd.DataFrame({"title": list("аб"), "image_path": ["1.jpg", "2.jpg"]})
    frame["image_paths"] = ['["1.jpg"]', value]
    for name, write in (("t.csv", frame.to_csv), ("t.parquet", frame.to_parquet)):
        write(tmp_path / name, index=False)
        with pytest.raises(UserError, match=r"image_paths in row 1 .* expected a JSON array"):
            list(read_batches(to_path(tmp_path / name), 1))
        frames = read_batches(to_path(tmp_path / name), 1, ["nm"])
        assert all("image_paths" not in frame for frame in frames)


def test_a_column_of_paths_of_another_type_is_refused(tmp_path: Path) -> None:
    """Numbers are no paths."""
    frame = pd.DataFrame({"title": ["а"], "image_path": ["1.jpg"], "image_paths": [7]})
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match="'image_paths' is int64; expected lists"):
        read_table(to_path(tmp_path / "t.parquet"))


def test_a_csv_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Spreadsheets write one; it is no part of the first column's name."""
    content = "title,image_path,nm\nа,1.jpg,7\n".encode("utf-8-sig")
    (tmp_path / "t.csv").write_bytes(content)
    assert list(read_table(to_path(tmp_path / "t.csv"))) == ["title", "image_path", "nm"]


def test_columns_that_no_stage_uses_do_not_end_a_run(tmp_path: Path) -> None:
    """Years and zones that Python has not are texts; lists and structs are left out."""
    odd = {
        "stamp": pa.array([2**60], pa.timestamp("us", "Mars/Olympus")),
        "day": pa.array([-719_528], pa.int32()).cast(pa.date32()),
        "photo": pa.array([bytes(5_000)]),
        "maker": pa.array(["завод".encode()]),
        "list": pa.array([[2**60]], pa.list_(pa.timestamp("us"))),
        "title.ru": pa.array(["x"]),
    }
    listings = {"nm": [1], "title": ["а"], "image_path": ["1.jpg"], **odd}
    pq.write_table(pa.table(listings), tmp_path / "t.parquet")
    table = read_table(to_path(tmp_path / "t.parquet"))
    assert table.iloc[0].to_dict() == {
        "nm": 1,
        "title": "а",
        "image_path": "1.jpg",
        "stamp": "38504-08-17 21:30:06.846976+00:00",
        "day": "0000-01-01",
        "photo": "<5000 bytes>",
        "maker": "завод",
        "title.ru": "x",
    }
    assert list(read_table(to_path(tmp_path / "t.parquet"), ("title",))) == ["title"]


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Which one is meant is not known."""
    columns = [pa.array(["а"]), pa.array(["1.jpg"]), pa.array(["б"])]
    table = pa.Table.from_arrays(columns, names=["title", "image_path", "title"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"t\.parquet has 2 columns 'title'"):
        check_table(to_path(tmp_path / "t.parquet"))


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
        ("t.csv", "title,path\nа,x\n", "has no column 'image_path'; it has: 'title', 'path'"),
        ("t.csv", "", "cannot be read as a table"),
        ("t.parquet", "title,image_path\n", "is not a Parquet file, or is damaged"),
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
