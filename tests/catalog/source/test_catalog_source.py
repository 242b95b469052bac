"""A catalogue of several files as one table, and its fingerprint."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from vitrina.catalog.source.catalog_source import catalog_fingerprint, open_catalog
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.store.files import atomic_write, remove, write_bytes
from vitrina.store.paths import to_path


def write(path: UPath, **columns: Any) -> UPath:
    """A Parquet file of these columns."""
    with atomic_write(path) as temp_file:
        pq.write_table(pa.table(columns), temp_file)
    return path


def rows(catalog: UPath, size: int = 100) -> list[dict[str, Any]]:
    """All rows of a catalogue."""
    source = open_catalog(catalog, CleanConfig())
    return [row for batch in source.batches(size) for row in batch.rows.to_pylist()]


def test_parts_are_read_as_one_table(place: UPath) -> None:
    """Whatever the order of their columns; one that a part lacks is null, one by name of folder."""
    write(place / "c" / "brand=x" / "1.parquet", nm=[1], title=["а"], price=pa.array([1], "int32"))
    write(place / "c" / "brand=y" / "2.parquet", price=[2.5], nm=[2], title=["б"], new=[True])
    write(place / "c" / "3.parquet", nm=[3], title=["в"], price=pa.nulls(1), brand=["z"])
    assert rows(place / "c") == [
        {"nm": 3, "title": "в", "price": None, "brand": "z", "new": None},
        {"nm": 1, "title": "а", "price": 1.0, "brand": "x", "new": None},
        {"nm": 2, "title": "б", "price": 2.5, "brand": "y", "new": True},
    ]
    source = open_catalog(place / "c", CleanConfig())
    assert source.schema.names == ["nm", "title", "price", "brand", "new"]
    assert source.schema.field("price").type == pa.float64()
    assert source.describe() == "3 files: Parquet"


def test_ids_and_texts_stay_as_each_part_has_them(tmp_path: Path) -> None:
    """As floats, ids above 2^53 would lose digits."""
    folder = to_path(tmp_path)
    write(folder / "1.parquet", nm=[2**60 + 1], title=["а"])
    write(folder / "2.parquet", nm=[7.0, None], title=[["б", "в"], None])
    kinds = [
        (batch.rows.schema.field("nm").type, batch.rows["title"].to_pylist())
        for batch in open_catalog(folder, CleanConfig()).batches(10)
    ]
    assert kinds == [(pa.int64(), ["а"]), (pa.float64(), [["б", "в"], None])]
    assert rows(folder)[0]["nm"] == 2**60 + 1


def test_a_value_that_fits_no_common_type_is_named(tmp_path: Path) -> None:
    """Rather than rounded."""
    write(to_path(tmp_path / "1.parquet"), nm=[1], code=[0.5])
    write(to_path(tmp_path / "2.parquet"), nm=[2], code=[2**60 + 1])
    with pytest.raises(
        UserError, match=r"2\.parquet: column 'code' is int64.*fit double.*one type"
    ):
        rows(to_path(tmp_path))


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """By their order; another part may have only one of them."""
    schema = pa.schema([("nm", pa.int64()), ("x", pa.string()), ("x", pa.int64())])
    twice = pa.Table.from_arrays([pa.array([1]), pa.array(["а"]), pa.array([2])], schema=schema)
    pq.write_table(twice, tmp_path / "1.parquet")
    write(to_path(tmp_path / "2.parquet"), nm=[2], x=["б"])
    first, second = open_catalog(to_path(tmp_path), CleanConfig()).batches(10)
    assert first.rows.schema.names == ["nm", "x", "x"]
    assert [column.to_pylist() for column in second.rows.columns] == [[2], ["б"], [None]]


def test_a_damaged_part_is_named(place: UPath) -> None:
    """Of hundreds, one is to be downloaded again."""
    for number in range(3):
        write(place / f"{number}.parquet", nm=[number])
    write_bytes(place / "1.parquet", b"PAR1 and nothing else")
    with pytest.raises(UserError, match=r"1\.parquet is not a Parquet file, or is damaged"):
        open_catalog(place, CleanConfig())


def test_a_quick_look_opens_two_of_many_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a run; when it is read, all are."""
    monkeypatch.setattr("vitrina.catalog.source.catalog_source.QUICK_PARTS", 3)
    for number in range(4):
        write(to_path(tmp_path / f"{number}.parquet"), nm=[number])
    names = [
        [
            part.reader.path.name
            for part in open_catalog(to_path(tmp_path), CleanConfig(), quick=quick).parts
        ]
        for quick in (True, False)
    ]
    assert names == [
        ["0.parquet", "3.parquet"],
        [f"{number}.parquet" for number in range(4)],
    ]


def test_parts_of_text_may_be_written_in_several_ways(tmp_path: Path) -> None:
    """Each is recognized on its own; what was recognized is said once."""
    (tmp_path / "1.csv").write_text("nm,title\n1,Ваза\n")
    (tmp_path / "2.csv").write_bytes("title;nm\nЛампа;2\n".encode("cp1251"))
    (tmp_path / "3.csv").write_text("nm,title\n3,Зонт\n")
    assert [tuple(row.values()) for row in rows(to_path(tmp_path))] == [
        ("1", "Ваза"),
        ("2", "Лампа"),
        ("3", "Зонт"),
    ]
    said = open_catalog(to_path(tmp_path), CleanConfig()).describe()
    assert said == (
        "3 files: CSV in utf-8, separated by comma; CSV in cp1251, separated by semicolon"
    )


def test_parts_of_json_may_have_other_keys_and_types(tmp_path: Path) -> None:
    """They are joined as those of Parquet."""
    (tmp_path / "1.jsonl").write_text(json.dumps({"nm": 1, "x": 1}))
    (tmp_path / "2.jsonl").write_text(json.dumps({"x": "a", "nm": "b", "y": [1]}))
    assert rows(to_path(tmp_path)) == [
        {"nm": 1, "x": "1", "y": None},
        {"nm": "b", "x": "a", "y": [1]},
    ]


def test_the_fingerprint_covers_all_parts(place: UPath) -> None:
    """A changed, an added or a removed part, another order, another name of a partition."""
    for name in ("a=1/1.csv", "a=1/2.csv", "b=2/3.csv"):
        write_bytes(place / "c" / name, f"nm\n{name}\n".encode())
    catalog = place / "c"
    found = [catalog_fingerprint(catalog)]
    assert catalog_fingerprint([catalog]) == found[0]
    found.append(catalog_fingerprint(catalog / "*" / "1.csv"))
    found.append(catalog_fingerprint([catalog / "b=2", catalog / "a=1"]))
    found.append(catalog_fingerprint([catalog / "a=1", catalog / "b=2"]))
    write_bytes(catalog / "a=1/2.csv", b"nm\nother\n")
    found.append(catalog_fingerprint(catalog))
    remove([catalog / "b=2/3.csv"])
    write_bytes(catalog / "b=3/3.csv", b"nm\nb=2/3.csv\n")
    found.append(catalog_fingerprint(catalog))
    assert len(set(found)) == len(found)


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    """The same files elsewhere give the same, whatever the folder is called."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "c.csv").write_text("nm\n1\n")
    assert catalog_fingerprint(to_path(tmp_path / "one")) == catalog_fingerprint(
        to_path(tmp_path / "two" / "c.csv")
    )
