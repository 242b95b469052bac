"""Reading a CSV: texts as they are, and every row that does not fit its header set apart."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitrina.catalog.source.csv_part import CsvPart
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.store.paths import to_path


def opened(path: Path, text: str, **config: str) -> CsvPart:
    """The part of a file with this content."""
    path.write_text(text, encoding="utf-8", newline="")
    return CsvPart.open(to_path(path), CleanConfig(**config))


def test_all_columns_are_texts_and_empty_is_null(tmp_path: Path) -> None:
    """Nothing becomes a number; two columns may have one name."""
    part = opened(tmp_path / "c.csv", "nm,title,x,x,\n007,1e5,\\N,3.10,\n,None,nan,,\n")
    (batch,) = part.batches(10)
    assert batch.rows.schema == pa.schema([(name, pa.string()) for name in part.header])
    assert list(part.header) == ["nm", "title", "x", "x", ""]
    assert [column.to_pylist() for column in batch.rows.columns] == [
        ["007", None],
        ["1e5", "None"],
        [None, "nan"],
        ["3.10", None],
        [None, None],
    ]


def test_rows_that_do_not_fit_are_set_apart_by_line(tmp_path: Path) -> None:
    """With what stands where the id is expected; those around them are whole."""
    text = 'title,nm\na,1\nb\nc,3,4\n"d"d,4\n"e",5\nf,6\n'
    (batch,) = opened(tmp_path / "c.csv", text).batches(10)
    assert batch.rows["nm"].to_pylist() == ["1", "5", "6"]
    assert [(row.before, row.nm) for row in batch.malformed] == [(1, None), (1, "3"), (1, None)]
    assert batch.malformed[0].where == f"{tmp_path / 'c.csv'}, line 3"
    assert [row.problem for row in batch.malformed[:2]] == [
        "1 fields instead of 2",
        "3 fields instead of 2",
    ]


def test_a_quotation_mark_that_is_never_closed_is_refused(tmp_path: Path) -> None:
    """All rows after it would be lost in one field."""
    text = 'nm,title\n1,"a, b"\n2,"open\n' + '3,"c, d"\n' * 4
    part = opened(tmp_path / "c.csv", text + '4,"last\n5,e\n')
    with pytest.raises(UserError, match=r"line 8: a quotation mark is opened and not closed"):
        list(part.batches(10))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_batches_do_not_depend_on_the_encoding(tmp_path: Path, encoding: str) -> None:
    """Which is described for people."""
    text = "nm;title\n" + "".join(f"{n};Ваза {n}\n" for n in range(7))
    (tmp_path / "c.csv").write_bytes(text.encode(encoding))
    part = CsvPart.open(to_path(tmp_path / "c.csv"), CleanConfig())
    read = [batch.rows["title"].to_pylist() for batch in part.batches(3)]
    assert [len(titles) for titles in read] == [3, 3, 1]
    assert read[2] == ["Ваза 6"]
    assert part.describe() == f"CSV in {encoding}, separated by semicolon"


def test_a_given_encoding_is_taken(tmp_path: Path) -> None:
    """Where it cannot be recognized, as that of DOS."""
    (tmp_path / "c.csv").write_bytes("nm,title\n1,Ваза\n".encode("cp866"))
    part = CsvPart.open(to_path(tmp_path / "c.csv"), CleanConfig(catalog_encoding="cp866"))
    assert next(part.batches(1)).rows["title"].to_pylist() == ["Ваза"]
    (tmp_path / "c.csv").write_bytes("nm,title\n1,Ваза\n".encode("utf-8-sig"))
    part = CsvPart.open(to_path(tmp_path / "c.csv"), CleanConfig(catalog_encoding="UTF8"))
    assert part.header == ("nm", "title")


def test_batches_of_large_rows_have_fewer_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory stays flat, whatever is in the fields."""
    monkeypatch.setattr("vitrina.catalog.source.csv_part.MAX_BATCH_BYTES", 1_000)
    part = opened(
        tmp_path / "c.csv", "nm,title\n" + "".join(f"{n},{'x' * 300}\n" for n in range(9))
    )
    assert [batch.rows.num_rows for batch in part.batches(100)] == [4, 4, 1]


FIELDS = st.text(st.sampled_from('аб",;\n '), max_size=4)


@given(rows=st.lists(FIELDS, max_size=8), batch_rows=st.integers(1, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_is_lost_or_shifted(tmp_path: Path, rows: list[str], batch_rows: int) -> None:
    """Whatever stands in a file, its rows are read whole or set apart; batch size changes none."""
    text = "nm,title\n" + "".join(f"{n},{field}\n" for n, field in enumerate(rows))

    def read(size: int) -> tuple[list[dict[str, str]], list[str]]:
        batches = list(opened(tmp_path / "c.csv", text, catalog_delimiter=",").batches(size))
        return (
            [row for batch in batches for row in batch.rows.to_pylist()],
            [row.where for batch in batches for row in batch.malformed],
        )

    try:
        whole = read(100)
    except UserError:  # most rows do not fit, or a quotation mark is never closed
        return
    assert read(batch_rows) == whole
    for row in whole[0]:
        if row["nm"] is not None and row["nm"].isdigit() and row["title"] is not None:
            assert int(row["nm"]) < len(rows)
