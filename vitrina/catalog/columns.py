"""Finding a catalogue's columns, and naming them in the cleaned table."""

from dataclasses import dataclass

import pyarrow as pa
from upath import UPath

from vitrina.catalog.carried import carried_type
from vitrina.catalog.catalog_names import with_catalog_name
from vitrina.catalog.column_names import missing_column
from vitrina.catalog.column_types import cleaned_id_type, is_id_type, is_readable_as_text
from vitrina.catalog.image_refs import ref_type
from vitrina.catalog.processed_table import (
    DESCRIPTION,
    IMAGE_HASH,
    IMAGE_HASHES,
    IMAGE_PATH,
    IMAGE_PATHS,
    NM,
    TITLE,
)
from vitrina.catalog.required_texts import KEEP_BY_TITLE
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError

# Cleaning and resizing write columns of these names; a catalogue's own column of one is renamed.
RESERVED_NAMES = (NM, TITLE, DESCRIPTION, IMAGE_PATH, IMAGE_HASH, IMAGE_PATHS, IMAGE_HASHES)


@dataclass(frozen=True)
class CatalogColumns:
    """Positions of the catalogue's columns, and the schema of the table cleaned from it.

    ``title`` or ``description`` is None where the catalogue has no such column and needs none.
    ``extra`` columns are copied, in their order, behind ``nm``, ``title`` and ``description``.
    With ``ids_by_digits`` ids are texts that become integers, if all of them look like it.
    ``images`` is the one of ``extra`` that holds images, of which the cleaned table has references.
    """

    nm: int
    title: int | None
    description: int | None
    extra: tuple[int, ...]
    cleaned_schema: pa.Schema
    ids_by_digits: bool = False
    images: int | None = None


def find_columns(
    schema: pa.Schema,
    catalog: UPath | str,
    config: CleanConfig,
    *,
    ids_by_digits: bool = False,
    image_column: str = "",
) -> CatalogColumns:
    """The columns of a catalogue with this schema; ``image_column`` may hold images as bytes.

    Raises UserError, naming ``catalog``, if a required column is missing or of an unusable type.
    """
    nm = _find(schema, NM, config.nm_column, catalog)
    if not is_id_type(schema.types[nm]):
        raise UserError(
            f"{catalog}: column {config.nm_column!r} is {schema.types[nm]}; ids are integers or "
            "text. Set clean.nm_column."
        )
    title = _find_text(schema, TITLE, config.title_column, catalog, config)
    description = _find_text(schema, DESCRIPTION, config.description_column, catalog, config)
    used = {nm, title, description}
    extra = tuple(index for index in range(len(schema)) if index not in used)
    texts = ((TITLE, title), (DESCRIPTION, description))
    id_type = pa.int64() if ids_by_digits else cleaned_id_type(schema.types[nm])
    fields = [
        with_catalog_name(pa.field(NM, id_type), config.nm_column),
        *(
            with_catalog_name(pa.field(role, pa.string()), role if at is None else schema.names[at])
            for role, at in texts
        ),
    ]
    taken = set(RESERVED_NAMES)
    images = None
    for index in extra:
        name = _unused_name(schema.names[index], taken)
        taken.add(name)
        field = _carried_field(schema.field(index), name)
        if schema.names[index] == image_column and (refs := ref_type(schema.types[index])):
            images, field = index, with_catalog_name(pa.field(name, refs), image_column)
        fields.append(field)
    return CatalogColumns(nm, title, description, extra, pa.schema(fields), ids_by_digits, images)


def _carried_field(field: pa.Field, name: str) -> pa.Field:
    """With the metadata that names an extension type, also one that Arrow has not registered."""
    kind = carried_type(field.name, field.type)
    extension = {key: value for key, value in (field.metadata or {}).items() if b"extension" in key}
    return with_catalog_name(pa.field(name, kind, metadata=extension or None), field.name)


def _find(schema: pa.Schema, role: str, name: str, catalog: UPath | str) -> int:
    """The position of a column; ``role`` names the setting that chooses it."""
    if name not in schema.names:
        remedy = f"Set clean.{role}_column"
        if role == DESCRIPTION:
            remedy += f"; {KEEP_BY_TITLE} would keep every row that has a title"
        raise UserError(f"{missing_column(str(catalog), name, schema.names)} {remedy}.")
    if (count := schema.names.count(name)) > 1:
        raise UserError(
            f"{catalog} has {count} columns {name!r}, and which is meant is not known. Rename all "
            f"but one, or set clean.{role}_column."
        )
    index: int = schema.names.index(name)
    return index


def _find_text(
    schema: pa.Schema, role: str, name: str, catalog: UPath | str, config: CleanConfig
) -> int | None:
    """The position of a text column; None if it is missing and not required."""
    if role not in config.required and name not in schema.names:
        return None
    index = _find(schema, role, name, catalog)
    if not is_readable_as_text(schema.types[index]):
        raise UserError(
            f"{catalog}: column {name!r} is {schema.types[index]}, not text. "
            f"Set clean.{role}_column."
        )
    return index


def _unused_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"catalog_{name}"
    return name
