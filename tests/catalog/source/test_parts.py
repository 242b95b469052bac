"""The files of a catalogue: in a folder, by a glob, several; on this machine and in a bucket."""

import os
from pathlib import Path

import pytest
from upath import UPath

from vitrina.catalog.source.parts import catalog_paths, check_not_read_from, find_parts, name_of
from vitrina.errors import UserError
from vitrina.store.files import write_bytes
from vitrina.store.paths import to_path


def write(folder: UPath, *names: str) -> UPath:
    """A folder with files of these names, which nothing reads."""
    for name in names:
        write_bytes(folder / name, b"x")
    return folder


def found(*catalog: UPath) -> list[str]:
    """The names of the parts below the test's folder."""
    return [str(part.path).split("/store/")[1] for part in find_parts(catalog)]


def test_a_folder_is_read_as_spark_writes_it(place: UPath) -> None:
    """By path, numbers by value; hidden files, those with an underscore and empty ones are not."""
    names = ("part-10.parquet", "part-2.parquet", "deep/part-1.parquet", "_SUCCESS", "_metadata")
    folder = write(place / "c.parquet", *names, ".part-2.parquet.crc", "_tmp/part-3.parquet")
    write_bytes(folder / "part-4.parquet", b"")
    ordered = ["deep/part-1.parquet", "part-2.parquet", "part-10.parquet"]
    assert found(folder) == [f"c.parquet/{name}" for name in ordered]
    assert found(folder / "*.parquet") == [f"c.parquet/{name}" for name in ordered[1:]]
    assert found(place / "**" / "part-1*.parquet") == [
        "c.parquet/deep/part-1.parquet",
        "c.parquet/part-10.parquet",
    ]


def test_several_paths_keep_their_order(place: UPath) -> None:
    """Of listings with one id the first is kept: which one that is, the order decides."""
    write(place, "b.csv", "a.csv", "more/c.csv")
    assert found(place / "b.csv", place / "a.csv") == ["b.csv", "a.csv"]
    assert found(place / "more", place / "*.csv", place / "b.csv") == [
        "more/c.csv",
        "a.csv",
        "b.csv",
    ]


def test_folders_of_hive_are_columns(place: UPath) -> None:
    """Below the folder given, or from the first wildcard on; encoded characters are decoded."""
    name = "category=%D0%94%D0%BE%D0%BC%2F1/_brand=x/p.parquet"
    folder = write(place / "year=2024", name, "category=__HIVE_DEFAULT_PARTITION__/p.parquet")
    expected = [
        (("category", "Дом/1"), ("_brand", "x")),
        (("category", None),),
    ]
    assert [part.partitions for part in find_parts(folder)] == expected
    assert [part.partitions for part in find_parts(folder / "category=*")] == expected
    (one,) = find_parts(folder / name)
    assert one.partitions == ()
    (outer, _) = find_parts(place / "year=*")
    assert outer.partitions[0] == ("year", "2024")


def test_a_file_with_brackets_in_its_name_is_that_file(place: UPath) -> None:
    """A pattern is one only if there is no such file."""
    write(place, "shop[1].csv", "shop1.csv")
    assert found(place / "shop[1].csv") == ["shop[1].csv"]
    assert found(place / "shop[12].csv") == ["shop1.csv"]


def test_what_a_pattern_names_is_not_hidden(place: UPath) -> None:
    """Files with an underscore are read if they are asked for."""
    write(place, "_a.csv", "b.csv")
    assert found(place / "*.csv") == ["b.csv"]
    assert found(place / "_*.csv") == ["_a.csv"]


@pytest.mark.parametrize(
    ("names", "given", "message"),
    [
        ((), "c", "c does not exist"),
        ((), "*.csv", r"\*.csv matches no file. Check it; in a shell, put it in quotes"),
        (("images/1.jpg", "images/2.jpg"), "images", "is a folder of images, such as .*1.jpg"),
        (("c/_SUCCESS",), "c", "holds no table, only hidden files"),
        (("c/readme.md",), "c", "holds no table, only other files, such as readme.md"),
        (("c/1.csv", "c/2.parquet"), "c", "1 of CSV and 1 of Parquet, such as .*Give those of one"),
        (("c/_delta_log/0.json", "c/1.parquet"), "c", "a table of Delta Lake"),
        (("c/metadata/v1.metadata.json", "c/data/1.parquet"), "c", "of Apache Iceberg"),
        (("c/.hoodie/x", "c/1.parquet"), "c", "of Apache Hudi"),
        (("c.xlsx",), "c.xlsx", "Export the sheet as CSV"),
    ],
)
def test_what_is_no_catalogue_is_refused_in_a_line(
    place: UPath, names: tuple[str, ...], given: str, message: str
) -> None:
    """The message says what there is, and what to do."""
    write(place, *names)
    with pytest.raises(UserError, match=message) as told:
        find_parts(place / given)
    assert "\n" not in str(told.value)


def test_an_empty_file_is_refused(place: UPath) -> None:
    """Alone it is a failed export; among parts, it is one without rows."""
    write_bytes(place / "c.csv", b"")
    with pytest.raises(UserError, match=r"c\.csv is empty"):
        find_parts(place / "c.csv")
    with pytest.raises(UserError, match="only 1 empty files"):
        find_parts(place)


def test_an_empty_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    """Reading a pipe would never end."""
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "c.csv")
    for name, message in (("empty", "is an empty folder"), ("c.csv", "a pipe or a socket")):
        with pytest.raises(UserError, match=message):
            find_parts(to_path(tmp_path / name))


def test_other_files_beside_tables_are_said_to_be_ignored(
    place: UPath, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder may hold the table and its images."""
    write(place, "c.csv", "images/2.jpg", "images/1.jpg", "readme.md")
    with caplog.at_level("INFO", "vitrina"):
        assert found(place) == ["c.csv"]
    assert "ignored 3 other files, first: images/1.jpg" in caplog.text


def test_a_table_that_would_join_the_catalogue_is_not_written(place: UPath) -> None:
    """Over it, into its folder, or where its pattern matches."""
    write(place, "shop/c.csv", "shop/[1].csv")
    target = place / "shop" / "out" / "processed_data.csv"
    for catalog in (place, place / "shop", place / "**" / "*.csv", target):
        with pytest.raises(UserError, match="Name another --output"):
            check_not_read_from(target, catalog, "--output")
    for catalog in (place / "shop" / "c.csv", place / "shop" / "*.csv", place / "shop/out/*.x"):
        check_not_read_from(target, catalog, "--output")
    check_not_read_from(place / "shop" / ".vitrina" / "c.csv", place / "shop", "--output")


def test_one_path_or_several_name_a_catalogue() -> None:
    """As parameters hold them; errors show the first."""
    assert catalog_paths("/a.csv") == (to_path("/a.csv"),)
    assert catalog_paths(["/a.csv", "s3://b/c"]) == (to_path("/a.csv"), to_path("s3://b/c"))
    assert name_of(to_path("/a.csv")) == "/a.csv"
    assert name_of(catalog_paths(["/a.csv", "/b.csv", "/c.csv"])) == "/a.csv and 2 more"
