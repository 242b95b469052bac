"""Read a CSV file as batches of texts; rows that do not fit its header are set apart."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import pyarrow as pa
from upath import UPath

from vitrina.catalog.parquet_batches import MAX_BATCH_BYTES
from vitrina.catalog.source.batch import CatalogBatch, MalformedRow
from vitrina.catalog.source.csv_dialect import CsvDialect, CsvRow, fitted, recognized_dialect
from vitrina.catalog.source.text_file import (
    UTF8,
    CountedLines,
    encoding_further_on,
    encoding_in,
    head,
    open_text,
)
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError

NULLS = frozenset({"", r"\N"})  # the second of MySQL and Hive
MAX_SHOWN = 100  # characters of what stands where the id of a malformed row is expected
NEVER_CLOSED = ("unexpected end of data", "field larger than field limit")


@dataclass(frozen=True)
class CsvPart:
    """A CSV file whose first row names its columns; all of them are texts, null where empty."""

    path: UPath
    dialect: CsvDialect
    header: tuple[str, ...]
    id_column: str
    known_encoding: str | None  # None as long as only ASCII was seen

    @classmethod
    def open(cls, path: UPath, config: CleanConfig) -> Self:
        """Recognize a file by its beginning. Raises UserError if it is no CSV."""
        start, is_cut = head(path)
        encoding = config.encoding or encoding_in(start)
        text = start.decode(encoding or UTF8, "replace")
        dialect = recognized_dialect(str(path), text, is_cut=is_cut, delimiter=config.delimiter)
        header = next(dialect.rows(io.StringIO(text, newline="")))
        if header.problem:
            raise UserError(
                f"{path}, line {header.line}: the header cannot be read ({header.problem})."
            )
        return cls(path, dialect, tuple(header.fields), config.nm_column, encoding)

    @property
    def schema(self) -> pa.Schema:
        """The columns that the header names."""
        return pa.schema([pa.field(name, pa.string()) for name in self.header])

    @cached_property
    def encoding(self) -> str:
        """Of the whole file, which may have to be read for it."""
        return self.known_encoding or encoding_further_on(self.path)

    def describe(self) -> str:
        """What was recognized."""
        return f"CSV in {self.encoding}, {self.dialect.describe()}"

    def batches(self, rows: int) -> Iterator[CatalogBatch]:
        """Batches of at most ``rows`` rows. Raises UserError if a quotation mark is not closed."""
        with open_text(self.path, self.encoding) as text:
            lines = CountedLines(text)
            read = self.dialect.rows(lines)
            next(read)
            batch = _Batch(self)
            for row in read:
                batch.add(row)
                if len(batch) >= rows or lines.characters > MAX_BATCH_BYTES:
                    yield batch.taken()
                    batch, lines.characters = _Batch(self), 0
            if len(batch):
                yield batch.taken()

    def first(self, rows: int) -> CatalogBatch | None:
        """The first batch."""
        return next(self.batches(rows), None)


class _Batch:
    """Rows of a CSV file that are read together."""

    def __init__(self, part: CsvPart) -> None:
        self._part = part
        self._width = len(part.header)
        self._rows: list[list[str]] = []
        self._malformed: list[MalformedRow] = []

    def __len__(self) -> int:
        return len(self._rows) + len(self._malformed)

    def add(self, row: CsvRow) -> None:
        if row.problem.startswith(NEVER_CLOSED):
            raise UserError(
                f"{self._part.path}, line {row.line}: a quotation mark is opened and not closed, "
                "so all that follows would be one field. Correct it, or export the table again."
            )
        if row.problem or (fields := fitted(row.fields, self._width)) is None:
            self._malformed.append(self._malformed_row(row))
        else:
            self._rows.append(fields)

    def _malformed_row(self, row: CsvRow) -> MalformedRow:
        names = self._part.header
        place = names.index(self._part.id_column) if self._part.id_column in names else 0
        return MalformedRow(
            before=len(self._rows),
            where=f"{self._part.path}, line {row.line}",
            problem=row.problem or f"{len(row.fields)} fields instead of {self._width}",
            nm=row.fields[place][:MAX_SHOWN] if place < len(row.fields) else None,
        )

    def taken(self) -> CatalogBatch:
        columns = zip(*self._rows, strict=True) if self._rows else [()] * self._width
        arrays = [_texts(column) for column in columns]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._part.schema)
        return CatalogBatch(batch, tuple(self._malformed))


def _texts(values: Iterable[str]) -> pa.Array:
    return pa.array([None if value in NULLS else value for value in values], pa.string())
