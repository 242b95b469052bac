"""What a catalogue is read as: batches of rows, and the rows that could not be read."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import pyarrow as pa
from upath import UPath


class MalformedRow(NamedTuple):
    """A row of a text file that cannot be read as one."""

    before: int  # how many rows of its batch stand before it
    where: str  # the file and the line
    problem: str
    nm: str | None = None  # what stands where the id is expected


class CatalogBatch(NamedTuple):
    """Consecutive rows of a catalogue."""

    rows: pa.RecordBatch
    malformed: tuple[MalformedRow, ...] = ()
    part: int = 0  # the file, counted from 0
    first_row: int = 0  # the number of the first of ``rows`` in that file


class PartReader(Protocol):
    """A file of a catalogue: its columns are known, its rows are read when they are asked for."""

    @property
    def path(self) -> UPath: ...

    @property
    def schema(self) -> pa.Schema: ...

    def describe(self) -> str:
        """Format, and what was recognized of it."""

    def batches(self, rows: int) -> Iterator[CatalogBatch]:
        """Batches of at most ``rows`` rows, and of fewer where rows are large.

        Raises UserError if the file is damaged.
        """

    def first(self, rows: int) -> CatalogBatch | None:
        """The first batch, without reading the rest of the file; None if there are no rows."""


class WiderTypesNeededError(Exception):
    """A row of a text file does not fit the types that its columns were taken to have."""
