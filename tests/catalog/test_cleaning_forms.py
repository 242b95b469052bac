"""The same data in any form of table gives the same cleaned rows."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.catalog_forms import csv_bytes, json_bytes
from vitrina.catalog.cleaning import check_catalog, clean_catalog
from vitrina.config.catalog import CleanConfig
from vitrina.store.artifacts import Artifact
from vitrina.store.paths import to_path

TEXTS = st.text(
    st.one_of(st.sampled_from("а\"',;\t|\\\n\r =-"), st.characters(exclude_categories=("Cs",))),
    max_size=8,
)
IDS = st.one_of(
    st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=8),
    st.lists(st.one_of(TEXTS, st.integers(0, 99).map(str)), min_size=1, max_size=8),
)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """A catalogue with ids of one type, and texts of which some are missing."""
    ids = draw(IDS)
    columns: dict[str, Any] = {"nm": ids}
    for name in ("title", "description", "note"):
        some = st.one_of(TEXTS.map("а{}".format), TEXTS, st.none())
        columns[name] = pa.array([draw(some) for _ in ids], pa.string())
    return pa.table(columns)


def cleaned(path: Path, content: pa.Table | bytes, **config: Any) -> tuple[list[Any], list[Any]]:
    """The kept rows, ids as texts and without empty texts, and the rejected ones."""
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pq.write_table(content, path)
    artifact = Artifact(to_path(path.parent / "cleaned"))
    result, _ = clean_catalog(to_path(path), artifact, CleanConfig(**config))
    kept = pq.read_table(result.table).to_pylist()
    rows = [{n: str(one) for n, one in row.items() if one not in (None, "")} for row in kept]
    rejected = pq.read_table(result.rejected).to_pylist()
    return rows, [(one["nm"] or "", one["reason"]) for one in rejected]


@given(table=tables())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_gives_the_rows_of_parquet(tmp_path: Path, table: pa.Table) -> None:
    """Whatever is in the texts, and whichever rows are rejected."""
    plain = cleaned(tmp_path / "c.parquet", table)
    required = {name for row in table.to_pylist() for name in row if row[name] is not None}
    if required >= {"title", "description"}:
        assert cleaned(tmp_path / "c.jsonl", json_bytes(table)) == plain
    for delimiter, encoding in ((",", "utf-8"), ("\t", "utf-16")):
        content = csv_bytes(table, encoding, delimiter, quoting=1)
        given = {"catalog_delimiter": delimiter, "catalog_encoding": encoding}
        assert cleaned(tmp_path / "c.csv", content, **given) == plain


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_is_recognized_gives_the_rows_of_parquet(
    tmp_path: Path, encoding: str, delimiter: str
) -> None:
    """With nothing given, and quotes, line breaks and all delimiters in the texts."""
    texts = [f'Ваза "Лето" №{row}, синяя; 5|6\t7\nи ещё' for row in range(9)]
    table = pa.table({"nm": range(9), "title": texts, "description": texts[::-1], "x": texts})
    plain = cleaned(tmp_path / "c.parquet", table)
    assert cleaned(tmp_path / "c.csv", csv_bytes(table, encoding, delimiter)) == plain


def test_a_key_of_json_may_come_late(tmp_path: Path) -> None:
    """The first thousands of listings have no description, and none of a part has a title."""
    rows = [{"nm": nm, "title": "Ваза " * 200} for nm in range(6_000)]
    late = [*rows, {"nm": 6_000, "title": "Ваза", "description": "Стекло"}]
    (tmp_path / "c").mkdir()
    for name, content in (("1", late), ("2", [{"nm": 1, "description": "Стекло"}])):
        lines = "".join(json.dumps(row) + "\n" for row in content)
        (tmp_path / "c" / f"{name}.jsonl").write_text(lines)
    catalog = to_path(tmp_path / "c")
    assert "description" in check_catalog(catalog, CleanConfig()).cleaned_schema.names
    result, _ = clean_catalog(catalog, Artifact(to_path(tmp_path / "out")), CleanConfig())
    assert (result.rows_in, result.rows_kept) == (6_002, 1)
    assert result.reasons == {"missing_description": 6_000, "missing_title": 1}
