"""Cleaning a catalogue: which rows are kept, with what content, and which input is refused."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upath import UPath

from vitrina.catalog.cleaner import CatalogCleaner
from vitrina.catalog.cleaning import check_catalog, clean_catalog
from vitrina.catalog.source.batch import CatalogBatch
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.results import CleanResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import atomic_write, local_read, write_bytes
from vitrina.store.paths import to_path

GOOD = {"title": "Платье", "description": "Летнее платье"}


def write_catalog(path: UPath, **columns: Any) -> UPath:
    """A Parquet table of the columns; a text column that is not given has good texts."""
    rows = max(len(values) for values in columns.values())
    arrays = {name: pa.array([value] * rows) for name, value in GOOD.items()}
    arrays |= {n: v if isinstance(v, pa.Array) else pa.array(v) for n, v in columns.items()}
    with atomic_write(path) as temp_file:
        pq.write_table(pa.table(arrays), temp_file)
    return path


def cleaned(catalog: UPath, **config: Any) -> tuple[CleanResult, pd.DataFrame, list[Any]]:
    """The result, the cleaned table, and the rejected rows as pairs."""
    artifact = Artifact(catalog.parent / "cleaned")
    result, files = clean_catalog(catalog, artifact, CleanConfig(**config))
    assert files == ["cleaned.parquet", "rejected.parquet"]
    with (
        local_read(to_path(result.table)) as table,
        local_read(to_path(result.rejected)) as rejected,
    ):
        rows = pq.read_table(rejected).to_pylist()
        return result, pq.read_table(table).to_pandas(), [(r["nm"], r["reason"]) for r in rows]


@pytest.mark.parametrize(
    "missing", [None, "", " \t\n", "nan", "None", "NULL", "\u200b\ufeff", "<br>"]
)
@pytest.mark.parametrize("column", ["title", "description"])
def test_a_row_without_a_text_is_rejected_by_name(
    tmp_path: Path, column: str, missing: str | None
) -> None:
    """Null, blank, the word nan, zero-width characters and bare markup all count as missing."""
    catalog = write_catalog(to_path(tmp_path / "c.parquet"), nm=[1, 2], **{column: ["ok", missing]})
    result, table, rejected = cleaned(catalog)
    assert table["nm"].tolist() == [1]
    assert rejected == [("2", f"missing_{column}")]
    assert result.reasons == {f"missing_{column}": 1}


def test_texts_are_normalized(tmp_path: Path) -> None:
    """Both texts lose HTML and zero-width characters, and are composed."""
    catalog = write_catalog(
        to_path(tmp_path / "c.parquet"),
        nm=[1],
        title=["<b>Пла</b>тье\u200b  летнее"],
        description=["Размер &lt; 42<br>и\u0306од"],
    )
    _, table, _ = cleaned(catalog)
    assert table.loc[0, ["title", "description"]].tolist() == ["Платье летнее", "Размер < 42 йод"]


def test_of_rows_with_one_id_the_first_complete_one_is_kept(tmp_path: Path) -> None:
    """A row without a title does not make a later row with its id a duplicate."""
    catalog = write_catalog(
        to_path(tmp_path / "c.parquet"), nm=[7, 7, 7, 8], title=[None, "второй", "третий", "др."]
    )
    _, table, rejected = cleaned(catalog)
    assert table["title"].tolist() == ["второй", "др."]
    assert rejected == [("7", "missing_title"), ("7", "duplicate_id")]


@pytest.mark.parametrize(
    ("raw", "kept", "reasons"),
    [
        ([3, 1, None], [3, 1], ["missing_id"]),
        ([1.0, float("nan"), 2.5, 2.0**60], [1], ["missing_id", "invalid_id", "invalid_id"]),
        ([Decimal("5.00"), Decimal("5.50"), None], [5], ["invalid_id", "missing_id"]),
        (pa.array([1, 2**63], pa.uint64()), [1], ["invalid_id"]),
        (pa.array([1.0, 2.0**24 + 2], pa.float32()), [1], ["invalid_id"]),
        (["a", " a ", "nan", " ", None], ["a"], ["duplicate_id", *["missing_id"] * 3]),
        (["й", "и\u0306", "й\u200b"], ["й"], ["duplicate_id", "duplicate_id"]),
        (["101", "A-7", "101.0"], ["101", "A-7", "101.0"], []),
        (pa.array([b"a", "й".encode(), None, b" "]), ["a", "й"], ["missing_id", "missing_id"]),
        (pa.array([b"ab", b"7\0"], pa.binary(2)), ["ab", "7"], []),
        (pa.array([b"a", b"b"]).dictionary_encode(), ["a", "b"], []),
        (["007", "7"], ["007", "7"], []),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"], []),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"], []),
        (pa.array(["a", "b"], pa.string_view()), ["a", "b"], []),
        (pa.array([None, None]), [], ["missing_id", "missing_id"]),
        (pa.array([b"a", b"\xff"]).view(pa.string()), ["a", "\ufffd"], []),
    ],
)
def test_ids_are_integers_or_text(
    tmp_path: Path, raw: Any, kept: list[Any], reasons: list[str]
) -> None:
    """Integral floats become integers, texts keep leading zeros, the rest is rejected."""
    result, table, rejected = cleaned(write_catalog(to_path(tmp_path / "c.parquet"), nm=raw))
    assert table["nm"].tolist() == kept
    assert [reason for _, reason in rejected] == reasons
    assert result.rows_in == len(raw) == result.rows_kept + sum(result.reasons.values())


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "nm": st.one_of(st.none(), st.integers(-3, 3).map(str), st.text(max_size=3)),
            "title": st.one_of(st.none(), st.sampled_from(["nan", " ", "Платье"]), st.text()),
            "description": st.one_of(st.none(), st.just("текст"), st.text(max_size=3)),
        }
    ),
    min_size=1,
)


@given(rows=ROWS, batch_rows=st.integers(1, 7))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_row_is_lost_whatever_the_batch_size(
    tmp_path: Path, rows: list[dict[str, Any]], batch_rows: int
) -> None:
    """Rows in = kept + rejected for any table, and the result does not depend on batch_rows."""
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]}
    catalog = write_catalog(to_path(tmp_path / "c.parquet"), **columns)
    small, table, rejected = cleaned(catalog, batch_rows=batch_rows)
    assert small.rows_in == len(rows) == len(table) + len(rejected)
    assert table["nm"].is_unique
    whole, _, _ = cleaned(catalog)
    assert whole == small


def test_other_columns_are_copied(tmp_path: Path) -> None:
    """Every other column keeps its values, whatever its type."""
    catalog = write_catalog(
        to_path(tmp_path / "c.parquet"),
        nm=[1, 2, 3],
        title=["а", None, "в"],
        price=[1.5, 2.5, None],
        tags=[["x"], [], None],
        kind=pa.array(["p", "q", "p"]).dictionary_encode(),
        brand=pa.array(["r", "s", None], pa.string_view()),
        code=pa.array([b"1", b"2", b"\xff"], pa.binary_view()),
    )
    _, table, _ = cleaned(catalog)
    assert list(table) == ["nm", "title", "description", "price", "tags", "kind", "brand", "code"]
    assert table["brand"].fillna("").tolist() == ["r", ""]
    assert table["code"].tolist() == [b"1", b"\xff"]
    assert table["kind"].tolist() == ["p", "p"]
    assert list(table.loc[0, "tags"]) == ["x"]
    assert table["price"].iloc[0] == 1.5


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    """The configured columns get the standard names; another column of such a name is renamed."""
    catalog = write_catalog(
        to_path(tmp_path / "c.parquet"),
        article=["a"],
        name=["Платье"],
        nm=["чужой"],
        title=["тоже чужой"],
        image_path=["x.jpg"],
        catalog_nm=["занято"],
    )
    _, table, _ = cleaned(catalog, nm_column="article", title_column="name")
    assert table.iloc[0].to_dict() == {
        "nm": "a",
        "title": "Платье",
        "description": "Летнее платье",
        "catalog_title": "тоже чужой",
        "catalog_nm": "чужой",
        "catalog_image_path": "x.jpg",
        "catalog_catalog_nm": "занято",
    }


def test_a_text_that_is_not_required_may_be_missing(tmp_path: Path) -> None:
    """If only titles are required, a catalogue needs no descriptions; they become empty texts."""
    catalog = to_path(tmp_path / "c.parquet")
    with atomic_write(catalog) as temp_file:
        pq.write_table(pa.table({"nm": [1], "title": ["Платье"]}), temp_file)
    _, table, _ = cleaned(catalog, required=("title",))
    assert table.loc[0, "description"] == ""


@pytest.mark.parametrize("kind", [pa.binary(), pa.binary_view()])
def test_texts_stored_as_bytes_are_read(tmp_path: Path, kind: pa.DataType) -> None:
    """Some writers store text as bytes; invalid UTF-8 in it is replaced."""
    titles = pa.array(["Платье".encode() + b"\xff"], kind)
    catalog = write_catalog(to_path(tmp_path / "c.parquet"), nm=[1], title=titles)
    _, table, _ = cleaned(catalog)
    assert table.loc[0, "title"] == "Платье\ufffd"


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.string_view()),
        pa.list_view(pa.string()),
        pa.list_(pa.binary()),
    ],
    ids=str,
)
def test_a_text_in_parts_is_joined(tmp_path: Path, kind: pa.DataType) -> None:
    """Paragraphs as a list of texts: a space between them, nothing for a missing one."""
    parts = [["Первый.", None, "<p>Второй.</p>"], None, [], ["один"], [None]]
    if pa.types.is_binary(kind.value_type):
        parts = [part and [text and text.encode() for text in part] for part in parts]
    catalog = write_catalog(
        to_path(tmp_path / "c.parquet"), nm=[1, 2, 3, 4, 5], description=pa.array(parts, kind)
    )
    _, table, rejected = cleaned(catalog)
    assert table["description"].tolist() == ["Первый. Второй.", "один"]
    assert rejected == [(nm, "missing_description") for nm in ("2", "3", "5")]


def test_ids_may_be_pandas_index(tmp_path: Path) -> None:
    """Consecutive ones are two numbers in the file, not a column."""
    frame = pd.DataFrame({"nm": [7, 8], "title": ["а", "б"], "description": ["в", "г"]})
    frame.set_index("nm").to_parquet(tmp_path / "c.parquet")
    _, table, _ = cleaned(to_path(tmp_path / "c.parquet"), batch_rows=1)
    assert table["nm"].tolist() == [7, 8]


def test_a_column_that_nothing_uses_never_ends_a_run(tmp_path: Path) -> None:
    """Its values are those of the catalogue, to the type, and enter the fingerprint."""
    odd = {
        "year_0": pa.array([-62_167_219_200_000_000, None], pa.timestamp("us")),
        "zone": pa.array([2**60, 0], pa.timestamp("us", "Mars/Olympus_Mons")),
        "day": pa.array([-719_528, 6_585_322], pa.int32()).cast(pa.date32()),
        "time": pa.array([1_500, None], pa.time64("ns")),
        "image": pa.array([{"bytes": b"\xff\xd8", "path": "1.jpg"}, None]),
        "nested": pa.array([[2**60], None], pa.list_(pa.timestamp("us", "No/Zone"))),
        "views": pa.array([["x"], ["y"]], pa.list_(pa.string_view())),
        "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int8())),
        "wide": pa.array([Decimal(10**60), None], pa.decimal256(70, 2)),
        "wait": pa.array([2**62, None], pa.duration("s")),
        "half": pa.array([1.5, None], pa.float16()),
        "null": pa.nulls(2),
        "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)] * 2, pa.binary(16))),
    }

    def written(folder: str) -> tuple[pa.Table, pa.Table, str]:
        """The catalogue, the table cleaned from it, and the fingerprint."""
        catalog = write_catalog(to_path(tmp_path / folder / "c.parquet"), nm=[1, 2], **odd)
        result, _ = clean_catalog(catalog, Artifact(catalog.parent), CleanConfig())
        return pq.read_table(catalog.path), pq.read_table(result.table), result.fingerprint

    source, table, fingerprint = written("first")
    for name in odd:
        assert table[name].equals(source[name].cast(table[name].type)), name
    assert written("again")[2] == fingerprint
    odd["zone"] = pa.array([2**60, 1], odd["zone"].type)
    assert written("other")[2] != fingerprint


def test_a_table_with_images_in_it_takes_little_memory(tmp_path: Path) -> None:
    """Of 300 images of a megabyte, some tens are in memory at a time."""
    photos = pa.array([{"bytes": bytes(1_000_000), "path": str(row)} for row in range(300)])
    catalog = write_catalog(to_path(tmp_path / "c.parquet"), nm=list(range(300)), photo=photos)
    del photos
    before = pa.system_memory_pool().bytes_allocated()
    peak = 0

    class Watched(CatalogCleaner):
        def clean_batch(self, read: CatalogBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
            nonlocal peak
            peak = max(peak, pa.system_memory_pool().bytes_allocated() - before)
            return super().clean_batch(read)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vitrina.catalog.cleaning.CatalogCleaner", Watched)
        result, _ = clean_catalog(catalog, Artifact(to_path(tmp_path / "out")), CleanConfig())
    assert result.rows_kept == 300
    assert peak < 200_000_000


def test_damage_in_the_middle_leaves_nothing_behind(tmp_path: Path) -> None:
    """The rows before it were fine; the file is named and nothing half written stays."""
    catalog = tmp_path / "c.parquet"
    titles = [f"Платье {row * 7_919 % 10_007}" for row in range(3_000)]
    table = pa.table({"nm": range(3_000), "title": titles, "description": titles})
    pq.write_table(table, catalog, row_group_size=1_000)
    start = pq.ParquetFile(catalog).metadata.row_group(1).column(1).dictionary_page_offset
    content = bytearray(catalog.read_bytes())
    content[start : start + 40] = b"\xff" * 40
    catalog.write_bytes(content)
    check_catalog(to_path(catalog), CleanConfig())
    with pytest.raises(UserError, match=r"c\.parquet is not a Parquet file, or is damaged"):
        cleaned(to_path(catalog), batch_rows=100)
    assert not list((tmp_path / "cleaned").iterdir())


def test_invalid_utf8_in_other_columns_is_replaced(tmp_path: Path) -> None:
    """The CSV could not be written otherwise."""
    brands = pa.array([b"ok", b"\xff!", None]).view(pa.string())
    catalog = write_catalog(to_path(tmp_path / "c.parquet"), nm=[1, 2, 3], brand=brands)
    _, table, _ = cleaned(catalog)
    assert table["brand"].tolist()[:2] == ["ok", "\ufffd!"]


def test_a_null_id_is_rejected_without_a_name(tmp_path: Path) -> None:
    """A missing id has nothing to show in the rejected rows; an invalid one is shown as it is."""
    catalog = write_catalog(to_path(tmp_path / "c.parquet"), nm=[1.0, None, 2.5])
    _, table, rejected = cleaned(catalog)
    assert table["nm"].tolist() == [1]
    assert rejected == [(None, "missing_id"), ("2.5", "invalid_id")]


def test_reasons_are_counted_by_their_plain_names(tmp_path: Path) -> None:
    """The result is logged and stored as JSON: an enum would show as code."""
    result, _, _ = cleaned(write_catalog(to_path(tmp_path / "c.parquet"), nm=[1, 1, None]))
    assert repr(result.reasons) == "{'duplicate_id': 1, 'missing_id': 1}"


def test_a_catalogue_without_usable_rows_gives_an_empty_table(tmp_path: Path) -> None:
    """Nothing is kept, and every row has its reason."""
    result, table, _ = cleaned(
        write_catalog(to_path(tmp_path / "c.parquet"), nm=[1, 2], title=["", None])
    )
    assert len(table) == 0
    assert result.reasons == {"missing_title": 2}


@pytest.mark.parametrize(
    ("columns", "config", "message"),
    [
        ({"id": [1]}, {}, "no column 'nm'; it has: 'title', 'description', 'id'. Set clean.nm"),
        ({"nm": [1]}, {"title_column": "name"}, "no column 'name'.*Set clean.title_column"),
        ({"nm": [True]}, {}, "column 'nm' is bool; ids are integers or text"),
        ({"nm": [1], "title": [[1]]}, {}, "column 'title' is list.*not text"),
    ],
)
def test_a_catalogue_with_the_wrong_columns_is_refused(
    tmp_path: Path, columns: Any, config: Any, message: str
) -> None:
    """The message names the column, what there is instead and the setting; nothing is written."""
    catalog = write_catalog(to_path(tmp_path / "c.parquet"), **columns)
    with pytest.raises(UserError, match=message):
        check_catalog(catalog, CleanConfig(**config))
    with pytest.raises(UserError, match=message):
        cleaned(catalog, **config)
    assert not (tmp_path / "cleaned").exists()


def test_a_damaged_or_missing_catalogue_is_refused(place: UPath) -> None:
    """The message names it, also where the damage shows only while it is read."""
    whole = write_catalog(place / "whole.parquet", nm=list(range(5_000)))
    with local_read(whole) as local:
        write_bytes(place / "cut.parquet", local.read_bytes()[:5_000])
    for name, message in (
        ("cut.parquet", "is not a Parquet file"),
        ("none.parquet", "does not exist"),
    ):
        with pytest.raises(UserError, match=message):
            check_catalog(place / name, CleanConfig())
    with pytest.raises(UserError, match="is not a Parquet file"):
        cleaned(place / "cut.parquet")


def test_local_and_s3_give_the_same(place: UPath) -> None:
    """The catalogue and the tables can be in a bucket."""
    result, table, _ = cleaned(write_catalog(place / "c.parquet", nm=[1, 2]))
    assert len(table) == 2
    assert result.table == str(place / "cleaned" / "cleaned.parquet")


def test_a_changed_reject_changes_the_fingerprint(tmp_path: Path) -> None:
    """Otherwise the next stage would report the rejects of an earlier catalogue."""
    path = to_path(tmp_path / "c.parquet")
    first, _, _ = cleaned(write_catalog(path, nm=[1, 2], title=["а", None]))
    second, _, _ = cleaned(write_catalog(path, nm=[1, 3], title=["а", None]))
    assert first.reasons == second.reasons
    assert first.fingerprint != second.fingerprint


def write_text(path: Path, *lines: str) -> UPath:
    """A text file of these lines."""
    path.write_text("\n".join(lines), encoding="utf-8")
    return to_path(path)


def ids_of(catalog: UPath) -> tuple[CleanResult, list[Any]]:
    """The result, and the kept ids as the cleaned table has them."""
    result, _, _ = cleaned(catalog)
    return result, pq.read_table(result.table)["nm"].to_pylist()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (["1", "20", "-3", "0"], [1, 20, -3, 0]),
        ([" 1 ", '"2"', "\u200b3"], [1, 2, 3]),
        (["1.0", "2.0"], [1, 2]),
        (["1", "2.0"], ["1", "2.0"]),
        (["007", "8"], ["007", "8"]),
        (["1", "1e5"], ["1", "1e5"]),
        (["1", "A7"], ["1", "A7"]),
        (["1", "+2"], ["1", "+2"]),
        (["1", "-0"], ["1", "-0"]),
        (["1", "1_000"], ["1", "1_000"]),
        (["1", "١"], ["1", "١"]),
        (["12345678901234567890"], ["12345678901234567890"]),
        (["1", "nan", "", "2"], [1, 2]),
    ],
)
def test_ids_in_a_csv_are_integers_only_if_that_keeps_their_texts(
    tmp_path: Path, written: list[str], kept: list[Any]
) -> None:
    """All of them or none, however many rows stand before the first that is no integer."""
    lines = [f"{nm},Ваза,Стекло" for nm in written]
    header = "nm,title,description"
    assert ids_of(write_text(tmp_path / "c.csv", header, *lines))[1] == kept
    numbers = [f"{nm},Ваза,Стекло" for nm in range(100_000, 103_000)]
    late, ids = ids_of(write_text(tmp_path / "c.csv", header, *numbers, *lines))
    first = [f"{nm}" for nm in range(100_000, 103_000)]
    are_integers = isinstance(kept[0], int) and "1.0" not in written
    assert ids[:3_000] == ([*map(int, first)] if are_integers else first)
    assert late.rows_in == 3_000 + len(written)


def test_an_id_of_a_rejected_row_decides_too(tmp_path: Path) -> None:
    """The column decides, not the rows that happen to be kept."""
    catalog = write_text(tmp_path / "c.csv", "nm,title,description", "1,a,b", "A7,,b")
    assert ids_of(catalog)[1] == ["1"]


def test_malformed_rows_are_rejected_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Rows in = kept + rejected; the rejected ones stand in the order of the file."""
    lines = ["nm,title,description", "1,a,b", "2,a", ",x,y", "4,a,b,c", "5,a,b", "6,a,b"]
    catalog = write_text(tmp_path / "c.csv", *lines)
    rejected = [("2", "malformed_row"), (None, "missing_id"), ("4", "malformed_row")]
    with caplog.at_level("INFO", "vitrina"):
        for batch_rows in (1, 2, 100):
            result, table, found = cleaned(catalog, batch_rows=batch_rows)
            assert (table["nm"].tolist(), found) == ([1, 5, 6], rejected)
            assert result.rows_in == 6
    assert "2 malformed rows are rejected, first" in caplog.text
    assert "c.csv, line 3: 2 fields instead of 3" in caplog.text
    assert "c.csv is read as CSV in utf-8, separated by comma" in caplog.text


def test_parts_with_integer_and_text_ids_have_text_ids(tmp_path: Path) -> None:
    """An integer is the text of its digits, so a listing in both parts is one."""
    for name, nm in (("1", [7, 8]), ("2", ["A1", "8"])):
        write_catalog(to_path(tmp_path / "c" / f"{name}.parquet"), nm=nm)
    result, table, rejected = cleaned(to_path(tmp_path / "c"))
    assert table["nm"].tolist() == ["7", "8", "A1"]
    assert rejected == [("8", "duplicate_id")]
    assert result.rows_in == 4


def test_each_part_needs_the_required_columns(tmp_path: Path) -> None:
    """A part of another table is named, not read as rows without titles."""
    write_catalog(to_path(tmp_path / "1.parquet"), nm=[1])
    pq.write_table(pa.table({"nm": [2], "text": ["x"]}), tmp_path / "2.parquet")
    message = r"2\.parquet has no column 'title'"
    with pytest.raises(UserError, match=message):
        check_catalog(to_path(tmp_path), CleanConfig())
    with pytest.raises(UserError, match=message):
        cleaned(to_path(tmp_path))


@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.jsonl"])
def test_a_catalogue_without_rows_is_refused(tmp_path: Path, name: str) -> None:
    """It is a failed export; nothing is written."""
    path = tmp_path / name
    if name == "c.parquet":
        pd.DataFrame({"nm": [], "title": [], "description": []}).to_parquet(path)
    else:
        path.write_text("nm,title,description\n" if name == "c.csv" else "\n")
    with pytest.raises(UserError, match=r"has no rows|is empty"):
        cleaned(to_path(path))
    assert not (tmp_path / "cleaned").exists() or not list((tmp_path / "cleaned").iterdir())
