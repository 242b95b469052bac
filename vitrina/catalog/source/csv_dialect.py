"""How the fields of a CSV file are separated and quoted, recognized by its first rows."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from vitrina.errors import UserError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
# Quotes are doubled inside quotes, or escaped as MySQL does it, or mean nothing, as in many TSVs.
QUOTING = ((True, None), (True, "\\"), (False, None))
MAX_FIELD_CHARACTERS = 64 << 20  # a quotation mark that is never closed takes in the whole file
MIN_WELL_FORMED = 0.5  # of the first rows
EXCEL_PREFACE = re.compile(r"sep=(.)\r?\n")  # above the header


class CsvRow(NamedTuple):
    """A row by the number of its first line, from 1; a ``problem`` stands for its fields."""

    line: int
    fields: list[str]
    problem: str = ""


class CsvDialect(NamedTuple):
    """How a CSV file is written."""

    delimiter: str
    has_quotes: bool = True
    escape: str | None = None
    first_line: int = 1  # of the header

    def rows(self, lines: Iterable[str]) -> Iterator[CsvRow]:
        """The rows of a file, the header first; blank lines are left out."""
        csv.field_size_limit(MAX_FIELD_CHARACTERS)
        reader = csv.reader(
            lines,
            delimiter=self.delimiter,
            escapechar=self.escape,
            quoting=csv.QUOTE_MINIMAL if self.has_quotes else csv.QUOTE_NONE,
            strict=True,
        )
        while True:
            line = reader.line_num + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield CsvRow(line, [], str(error))
                continue
            if line >= self.first_line and (len(fields) > 1 or any(map(str.strip, fields))):
                yield CsvRow(line, fields)

    def describe(self) -> str:
        """For people, such as ``semicolon``."""
        name = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        extra = " and backslashes before quotes" if self.escape else ""
        return f"separated by {name}{extra}" if self.has_quotes else f"{name}, without quotes"


def fitted(fields: list[str], width: int) -> list[str] | None:
    """The fields of a row under a header of ``width``; None if there are fewer or more of them.

    Empty ones at the end are not counted: some exports end each row with a delimiter.
    """
    if len(fields) == width:
        return fields
    return fields[:width] if len(fields) > width and not any(fields[width:]) else None


def recognized_dialect(
    name: str, text: str, *, is_cut: bool, delimiter: str | None = None
) -> CsvDialect:
    """The dialect in which most rows of a text have as many fields as its header.

    ``is_cut`` says that the last row may be incomplete. Raises UserError, naming the file, if half
    of the rows have not.
    """
    preface = EXCEL_PREFACE.match(text)
    delimiters = [delimiter] if delimiter else [preface[1]] if preface else list(DELIMITERS)
    first_line = 2 if preface else 1
    trials = [
        _Trial.of(CsvDialect(one, has_quotes, escape, first_line), text, is_cut)
        for one in delimiters
        for has_quotes, escape in QUOTING
    ]
    best = max(trials, key=_Trial.score)
    if best.width > 1 and best.share < MIN_WELL_FORMED:
        raise UserError(_unclear(name, best))
    return best.dialect


class _Trial(NamedTuple):
    """A dialect, and how well it reads the first rows."""

    dialect: CsvDialect
    width: int
    well_formed: int
    rows: Sequence[CsvRow]

    @classmethod
    def of(cls, dialect: CsvDialect, text: str, is_cut: bool) -> "_Trial":
        header, *rows = [*dialect.rows(io.StringIO(text, newline=""))] or [CsvRow(1, [])]
        rows = rows[:-1] if is_cut else rows
        width = len(header.fields)
        has_quoted = not dialect.has_quotes and any(map(_is_quoted, [header, *rows]))
        good = [row for row in rows if not row.problem and fitted(row.fields, width)]
        return cls(dialect, 0 if has_quoted else width, len(good), rows)

    @property
    def share(self) -> float:
        return self.well_formed / len(self.rows) if self.rows else 1.0

    def score(self) -> float:
        """Many columns count, too: every row has as many of a delimiter that it lacks."""
        return self.share**2 * (self.width - 1)


def _is_quoted(row: CsvRow) -> bool:
    """Whether quotes around a field mean something."""
    return any(len(one) > 1 and one[0] == one[-1] == '"' for one in row.fields)


def _unclear(name: str, trial: _Trial) -> str:
    other = next(row for row in trial.rows if row.problem or not fitted(row.fields, trial.width))
    return (
        f"{name}: of the first {len(trial.rows)} rows only {trial.well_formed} have as many "
        f"fields as the header ({trial.width}, {trial.dialect.describe()}), line {other.line} for "
        "one has not. Set clean.catalog_delimiter, or export it again with quoted fields."
    )
