"""A Parquet file of a catalogue."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
from upath import UPath

from vitrina.catalog.parquet_batches import ParquetReader, read_schema
from vitrina.catalog.source.batch import CatalogBatch
from vitrina.store.files import local_read
from vitrina.store.paths import as_user_error


@dataclass(frozen=True)
class ParquetPart:
    """A Parquet file; one on S3 is copied to this machine while it is read."""

    path: UPath
    schema: pa.Schema

    @classmethod
    def open(cls, path: UPath) -> Self:
        """Read the schema. Raises UserError if the file is damaged."""
        return cls(path, read_schema(path))

    def describe(self) -> str:
        """The format."""
        return "Parquet"

    def batches(self, rows: int) -> Iterator[CatalogBatch]:
        """Batches of at most ``rows`` rows."""
        with local_read(self.path) as local:
            for batch in ParquetReader(local, self.path).batches(rows):
                yield CatalogBatch(batch)

    def first(self, rows: int) -> CatalogBatch | None:
        """The first batch; on S3 no more of the file is read than that."""
        with as_user_error(self.path), self.path.open("rb") as file:
            batch = next(ParquetReader(file, self.path).batches(rows), None)
        return None if batch is None else CatalogBatch(batch)
