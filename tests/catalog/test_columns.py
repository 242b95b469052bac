"""Finding the columns of a catalogue by their configured names."""

from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from vitrina.catalog.columns import CatalogColumns, find_columns
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError

STANDARD = {"nm": pa.int64(), "title": pa.string(), "description": pa.string()}


def find(fields: dict[str, pa.DataType], **config: Any) -> CatalogColumns:
    """The columns of a catalogue with these fields."""
    return find_columns(pa.schema(fields), UPath("shop.parquet"), CleanConfig(**config))


def test_columns_are_found_wherever_they_are() -> None:
    """Positions in the catalogue; in the cleaned table nm, title and description come first."""
    columns = find({"price": pa.float64(), **dict(reversed(STANDARD.items())), "tag": pa.bool_()})
    assert (columns.nm, columns.title, columns.description) == (3, 2, 1)
    assert columns.extra == (0, 4)
    assert columns.cleaned_schema == pa.schema(
        STANDARD | {"price": pa.float64(), "tag": pa.bool_()}
    )


def test_a_column_with_a_reserved_name_is_renamed() -> None:
    """Names that the stages write are free afterwards, and no two columns share a name."""
    fields = {**STANDARD, "image_hash": pa.string(), "catalog_nm": pa.string(), "sku": pa.int64()}
    columns = find(fields, nm_column="sku")
    assert columns.cleaned_schema.names == [
        "nm",
        "title",
        "description",
        "catalog_nm",
        "catalog_image_hash",
        "catalog_catalog_nm",
    ]


def test_a_name_that_occurs_twice_is_refused_where_it_is_used() -> None:
    """Which column is meant is not known; of columns that are only copied, one is renamed."""
    twice = pa.schema([*STANDARD.items(), ("title", pa.string())])
    with pytest.raises(UserError, match=r"shop\.parquet has 2 columns 'title'.*Rename all but one"):
        find_columns(twice, UPath("shop.parquet"), CleanConfig())
    copied = pa.schema([*STANDARD.items(), ("x", pa.int8()), ("x", pa.string())])
    columns = find_columns(copied, UPath("shop.parquet"), CleanConfig())
    assert columns.cleaned_schema.names[3:] == ["x", "catalog_x"]


@pytest.mark.parametrize(
    ("name", "shown"), [("\ufeffnm", r"'\ufeffnm'"), ("nm ", "'nm '"), ("NM", "'NM'")]
)
def test_a_name_that_only_looks_right_is_suggested(name: str, shown: str) -> None:
    """What cannot be seen in it is written out."""
    fields = {name: pa.int64(), "title": pa.string(), "description": pa.string()}
    with pytest.raises(UserError) as refused:
        find(fields)
    assert str(refused.value) == (
        f"shop.parquet has no column 'nm'; it has: {shown}, 'title', 'description'. Did you mean "
        f"{shown}? Set clean.nm_column."
    )


def test_one_column_can_be_both_title_and_description() -> None:
    """A catalogue with a single text column uses it twice and has no other to copy."""
    columns = find({"nm": pa.string(), "title": pa.string()}, description_column="title")
    assert columns.title == columns.description == 1
    assert columns.extra == ()


def test_a_text_that_is_not_required_is_used_if_it_is_there() -> None:
    """Only its absence is accepted, not a type that holds no text."""
    fields = {"nm": pa.int64(), "title": pa.string()}
    assert find(fields, required=("title",)).description is None
    assert find(STANDARD, required=("title",)).description == 2
    with pytest.raises(UserError, match=r"shop\.parquet: column 'description' is bool, not text"):
        find({**fields, "description": pa.bool_()}, required=("title",))
