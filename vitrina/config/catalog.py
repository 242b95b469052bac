"""Parameters of reading and cleaning a catalogue."""

import codecs
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from vitrina.config.parameters import Parameters

CATALOG_FORMS = (
    "Table of listings: Parquet, CSV, TSV or JSON Lines (text also .gz); a file, a folder of "
    "parts, a glob in quotes, or several of them; local or s3://"
)
NAMED_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def _as_tuple(value: Any) -> Any:
    """One path as a tuple of it; nothing, as a form sends it for an empty field, as none."""
    if value is None or value == "":
        return ()
    if not isinstance(value, str | list | tuple):
        raise ValueError("expected a path or a list of paths")
    return (value,) if isinstance(value, str) else value


def _as_written(paths: tuple[str, ...]) -> str | list[str]:
    return paths[0] if len(paths) == 1 else list(paths)


def _not_empty(paths: tuple[str, ...]) -> tuple[str, ...]:
    if not paths:
        raise ValueError("expected a path or a list of paths")
    return paths


# One path or several: in YAML, in a form and in JSON a text or a list of texts.
OptionalCatalogPaths = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_tuple),
    PlainSerializer(_as_written, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
CatalogPaths = Annotated[OptionalCatalogPaths, AfterValidator(_not_empty)]


def _known_encoding(name: str) -> str:
    try:
        if name != "auto":
            "".encode(name)
    except LookupError as error:
        raise ValueError("unknown encoding: expected auto, or one such as cp1251") from error
    return name


def _known_delimiter(value: str) -> str:
    if value != "auto" and len(NAMED_DELIMITERS.get(value, value)) != 1:
        raise ValueError(f"expected auto, {', '.join(NAMED_DELIMITERS)}, or one character")
    return value


class TextTableConfig(Parameters):
    """How a catalogue that is text is written."""

    catalog_encoding: Annotated[str, AfterValidator(_known_encoding)] = Field(
        "auto",
        description="Encoding of a CSV or JSON Lines catalogue; auto recognizes UTF-8, UTF-16 and "
        "cp1251.",
    )
    catalog_delimiter: Annotated[str, AfterValidator(_known_delimiter)] = Field(
        "auto",
        description="What separates the fields of a CSV catalogue: auto recognizes comma, "
        "semicolon, tab and bar; or one of these words, or a character.",
    )

    @property
    def encoding(self) -> str | None:
        """The encoding of a text catalogue; None to recognize it. UTF-8 may have a mark."""
        given = self.catalog_encoding
        if given == "auto":
            return None
        return "utf-8-sig" if codecs.lookup(given).name == "utf-8" else given

    @property
    def delimiter(self) -> str | None:
        """What separates the fields of a CSV catalogue; None to recognize it."""
        given = self.catalog_delimiter
        return None if given == "auto" else NAMED_DELIMITERS.get(given, given)


class CleanConfig(TextTableConfig, title="Cleaning: which rows are kept"):
    """Which rows of the catalogue are kept, and the names of its columns."""

    FORM_LAST: ClassVar[tuple[str, ...]] = (
        "catalog_encoding",
        "catalog_delimiter",
        "batch_rows",
    )

    nm_column: str = Field(
        "nm", title="Id Column (nm_column)", description="Column with the unique id of a listing."
    )
    title_column: str = Field("title", description="Column with the title.")
    description_column: str = Field("description", description="Column with the description.")
    required: tuple[Literal["title", "description"], ...] = Field(
        ("title", "description"), description="Texts that a row must have to be kept."
    )
    batch_rows: int = Field(2_000, ge=1, description="Rows held in memory at a time.")

    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"batch_rows"})
