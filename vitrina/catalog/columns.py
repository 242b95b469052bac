"""Which column of a catalogue holds what, and what its columns are called after cleaning."""

from dataclasses import dataclass

import pyarrow as pa
from upath import UPath

from vitrina.catalog.column_types import carried_type, id_type, is_id_type, is_readable_as_text
from vitrina.config import CleanConfig
from vitrina.errors import UserError

# Names that clean and resize give; a catalogue's own column of such a name is renamed.
GIVEN = ("nm", "title", "description", "image_path", "image_hash")


@dataclass(frozen=True)
class Layout:
    """Positions of the catalogue's columns, and the schema of the cleaned table.

    ``title`` and ``description`` are None where the catalogue has none and needs none.
    """

    nm: int
    title: int | None
    description: int | None
    carried: tuple[int, ...]
    schema: pa.Schema


def read_layout(schema: pa.Schema, catalog: UPath, config: CleanConfig) -> Layout:
    """The parts of a catalogue's columns; UserError if one is missing or of the wrong kind."""
    nm = _position(schema, "nm", config.nm_column, catalog)
    if not is_id_type(schema.types[nm]):
        raise UserError(
            f"{catalog}: column {config.nm_column!r} is {schema.types[nm]}; ids are integers or "
            "text. Set clean.nm_column."
        )
    title = _text_position(schema, "title", config.title_column, catalog, config)
    description = _text_position(schema, "description", config.description_column, catalog, config)
    used = {nm, title, description}
    carried = tuple(index for index in range(len(schema)) if index not in used)
    fields = [
        ("nm", id_type(schema.types[nm])),
        ("title", pa.string()),
        ("description", pa.string()),
    ]
    taken = set(GIVEN)
    for index in carried:
        name = _free_name(schema.names[index], taken)
        taken.add(name)
        fields.append((name, carried_type(schema.types[index])))
    return Layout(nm, title, description, carried, pa.schema(fields))


def _position(schema: pa.Schema, what: str, name: str, catalog: UPath) -> int:
    if name not in schema.names:
        raise UserError(
            f"{catalog} has no column {name!r}; it has: {', '.join(schema.names)}. "
            f"Set clean.{what}_column."
        )
    index: int = schema.names.index(name)
    return index


def _text_position(
    schema: pa.Schema, what: str, name: str, catalog: UPath, config: CleanConfig
) -> int | None:
    if what not in config.required and name not in schema.names:
        return None
    index = _position(schema, what, name, catalog)
    if not is_readable_as_text(schema.types[index]):
        raise UserError(
            f"{catalog}: column {name!r} is {schema.types[index]}, not text. "
            f"Set clean.{what}_column."
        )
    return index


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"catalog_{name}"
    return name
