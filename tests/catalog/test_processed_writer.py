"""Writing the processed table and the rejected rows."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from vitrina.catalog.processed_table import read_table
from vitrina.catalog.processed_writer import open_processed_writer
from vitrina.catalog.rejection import RejectionReason
from vitrina.catalog.table_fingerprint import table_fingerprint
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path


def batch(**columns: pa.Array) -> pa.RecordBatch:
    """Rows of a cleaned table."""
    texts = {"title": pa.array(["а", "б"]), "description": pa.array(["", "в"])}
    return pa.RecordBatch.from_pydict({"nm": pa.array([1, 2])} | texts | columns)


def write(folder: UPath, rows: pa.RecordBatch, paths: str = "images") -> str:
    """Write the rows as a whole table; its content hash."""
    with open_processed_writer(folder, rows.schema) as writer:
        writer.keep(rows, [[f"{paths}/1.jpg"], [f"{paths}/2.jpg"]], [["aa"], ["bb"]])
        assert writer.rows_kept == 2
    return writer.content.hexdigest()


def test_both_files_hold_the_table(place: UPath) -> None:
    """Title, path and id first, then the rest; the hash of the image in the Parquet file only."""
    write(place, batch(price=pa.array([5, None])))
    names = ["title", "image_path", "nm", "description", "price"]
    parquet = read_table(place / "processed_data.parquet")
    assert list(parquet) == [*names, "image_hash"]
    assert parquet["image_hash"].tolist() == ["aa", "bb"]
    lines = read_bytes(place / "processed_data.csv").decode().splitlines()
    assert lines == [",".join(names), "а,images/1.jpg,1,,5", "б,images/2.jpg,2,в,"]


def test_several_images_a_listing_are_lists_whose_first_is_the_main_one(place: UPath) -> None:
    """In the CSV a JSON array, however long; both files give readers the same lists."""
    paths = [[f"images/1-{n}.jpg" for n in range(2_000)], ["images/2.jpg"]]
    hashes = [["aa"] * 2_000, ["bb"]]
    rows = batch(price=pa.array([5, None]))
    with open_processed_writer(place, rows.schema, several_images=True) as writer:
        writer.keep(rows, paths, hashes)
    names = ["title", "image_path", "nm", "description", "price", "image_paths"]
    parquet = read_table(place / "processed_data.parquet")
    assert list(parquet) == [*names, "image_hash", "image_hashes"]
    assert parquet["image_paths"].tolist() == paths
    assert parquet["image_hashes"].tolist() == hashes
    assert parquet["image_path"].tolist() == ["images/1-0.jpg", "images/2.jpg"]
    csv_table = read_table(place / "processed_data.csv")
    assert list(csv_table) == names
    assert csv_table["image_paths"].tolist() == paths
    assert writer.content.hexdigest() == table_fingerprint(place / "processed_data.parquet")


def test_a_csv_holds_every_value_as_one_field(tmp_path: Path) -> None:
    """Lists become JSON, booleans with nulls stay booleans, line breaks stay within their field."""
    rows = batch(
        tags=pa.array([["a", 'б"'], None]),
        new=pa.array([True, None]),
        note=pa.array(["one\rtwo\r\nthree", "x\ny"]),
    )
    write(to_path(tmp_path), rows)
    frame = pd.read_csv(tmp_path / "processed_data.csv", keep_default_na=False)
    assert frame["tags"].tolist() == ['["a", "б\\""]', "null"]
    assert frame["new"].tolist() == ["True", ""]
    assert frame["note"].tolist() == ["one\ntwo\nthree", "x\ny"]


def test_no_column_ends_a_run_or_fills_the_csv(tmp_path: Path) -> None:
    """Odd times are text, images their size; the Parquet table has the values themselves."""
    stamps = pa.array([-62_167_219_200_000_000, 568_971_820_800_000_000], pa.timestamp("us"))
    photo = {"bytes": bytes(1_000_000), "path": "1.jpg"}
    rows = batch(
        stamp=stamps,
        zone=stamps.cast(pa.timestamp("us", "Mars/Olympus")),
        raw=pa.array([bytes(1_000_000), None]),
        photo=pa.array([photo, None]),
        pixels=pa.array([[7] * 500_000, [1]], pa.list_(pa.uint8())),
        nothing=pa.nulls(2),
    )
    write(to_path(tmp_path), rows)
    assert (tmp_path / "processed_data.csv").stat().st_size < 1_000
    frame = pd.read_csv(tmp_path / "processed_data.csv", keep_default_na=False)
    assert frame["stamp"].tolist() == ["0000-01-01 00:00:00", "20000-01-01 00:00:00"]
    assert frame["zone"].tolist() == [f"{text}+00:00" for text in frame["stamp"]]
    assert frame["raw"].tolist() == ["<1000000 bytes>", ""]
    assert frame["photo"].tolist() == ['{"bytes": "<1000000 bytes>", "path": "1.jpg"}', "null"]
    assert frame["pixels"].tolist()[1] == "[1]"
    table = pq.read_table(tmp_path / "processed_data.parquet")
    for name in ("stamp", "zone", "raw", "photo", "pixels", "nothing"):
        assert table[name].combine_chunks().equals(rows[name]), name


FORMULAS = ["=1+1", "+7", "-w", "@x", "\tx", "＝x", "7-1", "'x", ""]
ESCAPED = ["'=1+1", "'+7", "'-w", "'@x", "'\tx", "'＝x", "7-1", "'x", ""]


@pytest.mark.parametrize(("csv_formulas", "shown"), [("keep", FORMULAS), ("escape", ESCAPED)])
def test_formulas_are_escaped_in_the_csv_files_if_asked(
    tmp_path: Path, csv_formulas: Literal["keep", "escape"], shown: list[str]
) -> None:
    """In texts and ids, never in numbers, nor in the Parquet table; by default nothing changes."""
    count = len(FORMULAS)
    rows = pa.RecordBatch.from_pydict(
        {
            "nm": pa.array([f"{text}{row}" for row, text in enumerate(FORMULAS)]),
            "title": pa.array(FORMULAS),
            "description": pa.array(FORMULAS).dictionary_encode(),
            "=price": pa.array([-5] * count),
        }
    )
    folder = to_path(tmp_path)
    with open_processed_writer(folder, rows.schema, csv_formulas) as writer:
        writer.keep(rows, [["x.jpg"]] * count, [["aa"]] * count)
        writer.reject([("=1", "missing_title")])
    frame = pd.read_csv(tmp_path / "processed_data.csv", keep_default_na=False, dtype=str)
    assert frame["title"].tolist() == frame["description"].tolist() == shown
    assert frame["nm"].tolist() == [f"{text}{row}" for row, text in enumerate(shown)]
    assert frame.iloc[:, -1].tolist() == ["-5"] * count
    mark = "'" if csv_formulas == "escape" else ""
    assert frame.columns[-1] == f"{mark}=price"
    assert (tmp_path / "rejected.csv").read_text().splitlines()[1] == f"{mark}=1,missing_title"
    assert pq.read_table(tmp_path / "processed_data.parquet")["title"].to_pylist() == FORMULAS


def test_the_content_hash_is_the_tables_fingerprint_wherever_images_are(tmp_path: Path) -> None:
    """It is that of the stored file, and does not depend on the paths of the images."""
    here, there = to_path(tmp_path / "here"), to_path(tmp_path / "there")
    content = write(here, batch())
    assert content == table_fingerprint(here / "processed_data.parquet")
    assert content == write(there, batch(), paths="s3://shop/images")
    assert content != write(there, batch(price=pa.array([5, 6])))


def test_rejected_rows_have_their_reason(place: UPath) -> None:
    """A null id is empty, a line break in an id stays in its field, and reasons are counted."""
    rejected = [(None, "missing_id"), ("a\r\nb", RejectionReason.MISSING_IMAGE), ("", "missing_id")]
    with open_processed_writer(place, batch().schema) as writer:
        writer.reject(rejected)
    assert repr(dict(writer.reasons)) == "{'missing_id': 2, 'missing_image': 1}"
    rows = list(csv.reader(read_bytes(place / "rejected.csv").decode().splitlines(keepends=True)))
    assert rows == [
        ["nm", "reason"],
        ["", "missing_id"],
        ["a\nb", "missing_image"],
        ["", "missing_id"],
    ]


def test_a_failed_run_leaves_the_earlier_table(tmp_path: Path) -> None:
    """The three files are replaced together when all rows are written, or not at all."""
    folder = to_path(tmp_path)
    write(folder, batch())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def failing() -> Iterator[tuple[str, str]]:
        yield "1", "missing_image"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), open_processed_writer(folder, batch().schema) as writer:
        writer.reject(failing())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    """A catalogue of which nothing is kept still gives files that can be read."""
    with open_processed_writer(to_path(tmp_path), batch().schema):
        pass
    names = ["title", "image_path", "nm", "description"]
    assert list(pd.read_csv(tmp_path / "processed_data.csv")) == names
    assert pq.read_schema(tmp_path / "processed_data.parquet").names == [*names, "image_hash"]
    assert list(pd.read_csv(tmp_path / "rejected.csv")) == ["nm", "reason"]
