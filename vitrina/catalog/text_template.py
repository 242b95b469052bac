"""What a listing's text is: its title, or a template over its columns.

``{title}. {brend}. {category}`` joins three columns. A field whose value is empty is left out with
the text before it; a closing bracket or quote right after a field goes with it too, and so does
what follows the last one. Brackets hold what goes together otherwise: ``{title}[, {weight} кг],
{brend}`` has no unit without a weight, and ``[, {width} × {height} см]`` is left out unless both
values are there. ``{{``, ``}}``, ``[[`` and ``]]`` stand for a brace or a bracket.

A field is a column's name and nothing else: no attribute, no index, no format.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from upath import UPath

from vitrina.catalog.column_names import missing_column
from vitrina.catalog.parquet_batches import read_schema
from vitrina.catalog.processed_table import TITLE, column_names
from vitrina.catalog.readable import is_readable, readable_texts
from vitrina.config.text import check_template
from vitrina.errors import UserError

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

FIELD = re.compile(r"\{([^}]*)\}")
PART = re.compile(r"(\[[^\]]*\]|\{[^}]*\})")  # a bracket with its fields, or a field alone
ESCAPED = re.compile(r"\{[^{}]+\}|\{\{|\}\}|\[\[|\]\]")  # a field first: {{{title}}}
ESCAPES = {"{{": "\ue000", "}}": "\ue001", "[[": "\ue002", "]]": "\ue003"}  # in no one's template
CLOSING = ")»”’\"'\ue001\ue003"
SEPARATORS = " \t\n.,;:|/•·—–-"  # a text does not begin with them
FULL_STOPS = (".", "!", "?", "…")  # no full stop is written after one


@dataclass(frozen=True)
class Phrase:
    """Fields that are written together or not at all."""

    before: str
    fields: tuple[tuple[str, str], ...]  # a column, and the text after it

    @property
    def after(self) -> str:
        """The text after the last field."""
        return self.fields[-1][1]


@dataclass(frozen=True)
class TextTemplate:
    """A template of a listing's text; made by :meth:`parse`."""

    phrases: tuple[Phrase, ...]

    @staticmethod
    def parse(text: str) -> "TextTemplate":
        """The template that a text describes. Raises UserError if it is none."""
        try:
            return TextTemplate(tuple(_phrases(check_template(text))))
        except ValueError as error:
            raise UserError(f"{text!r} is no template of a text: {error}.") from error

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it names, each once, and the title, which stands in for all of them."""
        named = (column for phrase in self.phrases for column, _ in phrase.fields)
        return tuple(dict.fromkeys((*named, TITLE)))

    def check(self, table: str, names: Sequence[str], schema: pa.Schema | None = None) -> None:
        """Raise UserError unless a table with columns of these names has all of the template's.

        Where the ``schema`` is known, each must also be of a type that can be read as text.
        """
        for column in self.columns:
            if column not in names:
                raise UserError(
                    f"{missing_column(table, column, names)} In a text's template, braces hold the "
                    "name of a column alone."
                )
            if schema is not None and not is_readable(schema.field(column).type):
                raise UserError(
                    f"{table}: column {column!r} is {schema.field(column).type}, which cannot be "
                    "read as text: name columns of texts, of numbers, or of lists of them."
                )

    def values(self, table: "pd.DataFrame") -> "dict[str, pd.Series[str]]":
        """The texts of the named columns, normalized; empty where a value is missing.

        Raises UserError if the table lacks one of them.
        """
        self.check("The table", list(map(str, table.columns)))
        return {column: readable_texts(table[column]) for column in self.columns}

    def fill(self, values: Mapping[str, str]) -> str:
        """The text of one listing, from the value of each named column.

        Where all of them are empty, it is the title.
        """
        text, before, after = "", "", ""
        for phrase in self.phrases:
            before = phrase.before or before  # of one left out, where this has none
            if all(values[column] for column, _ in phrase.fields):
                text += _joining(text, before)
                text += "".join(values[column] + after for column, after in phrase.fields)
                before, after = "", phrase.after
            elif phrase is self.phrases[-1]:  # what ended the last written one joins nothing
                text = text.removesuffix(after) + after.rstrip(SEPARATORS)
        return text or values[TITLE]

    def render(self, table: "pd.DataFrame") -> list[str]:
        """The text of each row. Raises UserError if the table lacks a named column."""
        values = self.values(table)
        rows = zip(*values.values(), strict=True)
        return [self.fill(dict(zip(values, row, strict=True))) for row in rows]


def check_text(text: str, table: UPath) -> None:
    """Raise UserError unless a processed table, CSV or Parquet, has the columns of a template."""
    schema = read_schema(table) if table.suffix == ".parquet" else None
    names = column_names(table) if schema is None else schema.names
    TextTemplate.parse(text).check(str(table), names, schema)


def _joining(text: str, before: str) -> str:
    """What stands between a text and the next value; no separator begins it, no stop is doubled."""
    if not text:
        return before.lstrip(SEPARATORS)
    return before.removeprefix(".") if text.endswith(FULL_STOPS) else before


def _phrases(text: str) -> Iterator[Phrase]:
    masked = ESCAPED.sub(lambda found: ESCAPES.get(found[0], found[0]), text)
    before, *pieces = PART.split(masked)  # a literal, then by turns a part and a literal
    for number in range(0, len(pieces), 2):
        part, following = pieces[number : number + 2]
        is_last = number == len(pieces) - 2
        rest = "" if is_last else following.lstrip(CLOSING)
        opening, *fields = FIELD.split(part.strip("[]") + following.removesuffix(rest))
        named = zip(fields[0::2], fields[1::2], strict=True)
        yield Phrase(
            _plain(before + opening), tuple((column, _plain(after)) for column, after in named)
        )
        before = rest


def _plain(text: str) -> str:
    """The text with each escaped brace or bracket as it is."""
    for escaped, masked in ESCAPES.items():
        text = text.replace(masked, escaped[0])
    return text
