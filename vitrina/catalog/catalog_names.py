"""Columns by the names that the catalogue gives them; cleaning gives some of them others."""

import unicodedata
from collections.abc import Iterable

import pyarrow as pa

from vitrina.catalog.column_names import missing_column
from vitrina.catalog.processed_table import NM
from vitrina.errors import UserError

CATALOG_NAME = b"vitrina.catalog_name"  # in the metadata of a cleaned column with another name


def with_catalog_name(field: pa.Field, name: str) -> pa.Field:
    """A field of the cleaned table that remembers the catalogue's name of its column."""
    if field.name == name:
        return field
    return field.with_metadata({**(field.metadata or {}), CATALOG_NAME: name.encode()})


def cleaned_names(
    cleaned: pa.Schema, names: Iterable[str], table: str, parameter: str
) -> dict[str, str]:
    """The columns of the cleaned table by these names of the catalogue; ``nm`` is always the id.

    Raises UserError, naming ``table`` and the parameter that names them, for one that it has not.
    """
    known = {field.name: field.name for field in cleaned}
    known |= {_catalog_name(field): field.name for field in cleaned} | {NM: NM}
    by_form = {_form(name): column for name, column in known.items()}
    found = {name: known.get(name, by_form.get(_form(name))) for name in names}
    resolved = {name: column for name, column in found.items() if column is not None}
    for name in [one for one in found if one not in resolved]:
        shown = [_catalog_name(field) for field in cleaned]
        raise UserError(f"{missing_column(table, name, shown)} Set {parameter}.")
    return resolved


def _catalog_name(field: pa.Field) -> str:
    return str((field.metadata or {}).get(CATALOG_NAME, field.name.encode()).decode())


def _form(name: str) -> str:
    """As Python writes the names in an expression."""
    return unicodedata.normalize("NFKC", name)
