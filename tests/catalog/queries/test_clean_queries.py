"""Cleaning a table of queries, in any form, on a folder and a bucket."""

import math
from pathlib import Path

import pandas as pd
import pytest
from upath import UPath

from vitrina.catalog.queries.clean_queries import clean_queries, open_queries
from vitrina.config.queries import QueryTableConfig
from vitrina.errors import UserError
from vitrina.results import QueriesResult
from vitrina.store.artifacts import Artifact
from vitrina.store.paths import to_path

CONFIG = QueryTableConfig()


@pytest.fixture
def table(tmp_path: Path) -> UPath:
    """A processed table of four listings."""
    listings = pd.DataFrame({"title": list("абвг"), "image_path": "x", "nm": [1, 2, 30, 4]})
    listings.to_parquet(tmp_path / "table.parquet")
    return to_path(tmp_path / "table.parquet")


def cleaned(
    typed: pd.DataFrame, table: UPath, folder: Path, config: QueryTableConfig = CONFIG
) -> tuple[pd.DataFrame, QueriesResult]:
    """The cleaned table and the result, of a Parquet file."""
    typed.to_parquet(folder / "typed.parquet")
    artifact = Artifact(to_path(folder / "out"))
    result, names = clean_queries(to_path(folder / "typed.parquet"), table, artifact, config)
    assert names == ["queries.parquet"]
    return pd.read_parquet(folder / "out" / "queries.parquet"), result


def test_equal_queries_are_one_and_their_weights_add_up(table: UPath, tmp_path: Path) -> None:
    """Case, markup, spaces and invisible characters make no other query."""
    typed = pd.DataFrame(
        {
            "query": ["Красная кружка", "красная  кружка ", "<b>КРАСНАЯ</b>\u200b кружка", "ваза"],
            "nm": [2, 2, 1, 30],
            "weight": [3, 4, 1, 2],
        }
    )
    found, result = cleaned(typed, table, tmp_path)
    assert found.to_dict("list") == {
        "query": ["ваза", "красная кружка", "красная кружка"],
        "nm": ["30", "1", "2"],
        "weight": [2, 1, 7],
    }
    assert (result.rows_in, result.pairs, result.queries, result.reasons) == (4, 3, 2, {})


def test_each_row_that_cannot_be_used_has_a_reason(table: UPath, tmp_path: Path) -> None:
    """Rows in are those kept and those rejected, the first reason that applies."""
    typed = pd.DataFrame(
        {
            "query": ["ваза", None, " ", "nan", "ваза", "ваза", "ваза", "ваза", "ваза", "ваза"],
            "nm": [1, 1, 1, 1, None, 99, 2, 2, 2, 4],
            "weight": [1, 1, 1, 1, 1, 1, 0, -2, math.inf, math.nan],
        }
    )
    found, result = cleaned(typed, table, tmp_path)
    assert found["nm"].tolist() == ["1"]
    assert result.reasons == {
        "missing_query": 3,
        "missing_id": 1,
        "invalid_weight": 4,
        "unknown_listing": 1,
    }
    assert result.rows_in == 1 + sum(result.reasons.values())


@pytest.mark.parametrize(
    "ids", [[1, 30], [1.0, 30.0], ["1", " 30\u200b"]], ids=["integers", "floats", "texts"]
)
def test_ids_match_whatever_their_type(ids: list[object], table: UPath, tmp_path: Path) -> None:
    """As an export writes them: a column with a null becomes floats."""
    found, _ = cleaned(pd.DataFrame({"query": "ваза", "nm": ids}), table, tmp_path)
    assert found["nm"].tolist() == ["1", "30"]


def test_without_weights_each_row_counts_once(table: UPath, tmp_path: Path) -> None:
    """A log of clicks, a row each."""
    typed = pd.DataFrame({"query": ["ваза", "ваза", "чашка"], "nm": [1, 1, 2]})
    found, _ = cleaned(typed, table, tmp_path)
    assert found["weight"].tolist() == [2, 1]


def test_a_csv_with_other_names_is_read(table: UPath, tmp_path: Path) -> None:
    """Any form of the catalogue, here in cp1251 with semicolons."""
    text = "запрос;артикул;заказы\nваза;30;2\nкружка;1;5\n"
    (tmp_path / "typed.csv").write_bytes(text.encode("cp1251"))
    config = QueryTableConfig(
        query_column="запрос", query_nm_column="артикул", query_weight_column="заказы"
    )
    artifact = Artifact(to_path(tmp_path / "out"))
    result, _ = clean_queries(to_path(tmp_path / "typed.csv"), table, artifact, config)
    found = pd.read_parquet(result.table.path)
    assert found.values.tolist() == [["ваза", "30", 2], ["кружка", "1", 5]]


def test_parts_that_are_folded_early_add_up_alike(
    table: UPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows are in memory at a time."""
    typed = pd.DataFrame(
        {
            "query": [f"запрос {n % 7}" for n in range(100)],
            "nm": [(1, 2, 4)[n % 3] for n in range(100)],
        }
    )
    whole, _ = cleaned(typed, table, tmp_path)
    monkeypatch.setattr("vitrina.catalog.queries.clean_queries.ROWS", 9)
    monkeypatch.setattr("vitrina.catalog.queries.clean_queries.FOLDED", 20)
    parts, _ = cleaned(typed, table, tmp_path)
    pd.testing.assert_frame_equal(parts, whole)


def test_the_table_goes_where_the_store_is(table: UPath, place: UPath, tmp_path: Path) -> None:
    """On a disk and in a bucket; equal queries have one fingerprint."""
    pd.DataFrame({"query": ["ваза"], "nm": [1]}).to_parquet(tmp_path / "typed.parquet")
    found = [
        clean_queries(to_path(tmp_path / "typed.parquet"), table, Artifact(place / name), CONFIG)[
            0
        ].table
        for name in ("a", "b")
    ]
    assert found[0].fingerprint == found[1].fingerprint
    assert found[0].path != found[1].path


def test_a_table_that_cannot_be_used_is_refused(table: UPath, tmp_path: Path) -> None:
    """A missing column is named, also one of weights that was asked for; so is what is wrong."""
    path = tmp_path / "typed.parquet"
    pd.DataFrame({"text": ["ваза"], "nm": [1]}).to_parquet(path)
    with pytest.raises(UserError, match=r"no column 'query'; it has: 'text', 'nm'\. Set query_col"):
        open_queries(to_path(path), CONFIG)
    config = QueryTableConfig(query_column="text", query_weight_column="clicks")
    with pytest.raises(UserError, match="no column 'clicks'"):
        open_queries(to_path(path), config)
    pd.DataFrame({"query": ["ваза", "ваза"], "nm": [77, 78]}).to_parquet(path)
    with pytest.raises(UserError, match=r"its 2 rows were rejected: 2 unknown listing"):
        clean_queries(to_path(path), table, Artifact(to_path(tmp_path / "out")), CONFIG)
    (tmp_path / "typed.csv").write_text("query,nm,weight\n")
    with pytest.raises(UserError, match=r"typed\.csv has no rows"):
        clean_queries(to_path(tmp_path / "typed.csv"), table, Artifact(to_path(tmp_path)), CONFIG)
