"""Errors about a column that is not there name what is."""

import pytest

from vitrina.catalog.column_names import missing_column, nearest_name


@pytest.mark.parametrize("name", ["\ufeffnm", "nm ", "NM", " Nm\u200b", "ｎｍ"])
def test_a_name_that_looks_the_same_is_suggested(name: str) -> None:
    """A byte order mark, spaces, case and full width cannot be seen, or hardly."""
    assert nearest_name("nm", ["title", name, "nmx"]) == name


def test_a_similar_name_is_suggested_and_another_is_not() -> None:
    """A typing error is near, another word is not."""
    assert nearest_name("description", ["nm", "descripton"]) == "descripton"
    assert nearest_name("nm", ["title", "price"]) is None


def test_names_are_quoted_so_that_what_is_invisible_shows() -> None:
    """The reader sees the byte order mark, and what is meant."""
    assert missing_column("c.parquet", "nm", ["\ufeffnm", "title "]) == (
        r"c.parquet has no column 'nm'; it has: '\ufeffnm', 'title '. Did you mean '\ufeffnm'?"
    )


def test_a_wide_table_does_not_fill_the_screen() -> None:
    """The first names and how many more there are."""
    message = missing_column("c.parquet", "zz", [f"x{number}" for number in range(1_000)])
    assert message.endswith("'x29', and 970 more.")
