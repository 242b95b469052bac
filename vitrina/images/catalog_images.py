"""Reading the images that a catalogue holds as bytes, where a cleaned table refers to them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.arrow_leaves import map_leaves
from vitrina.catalog.carried import unview
from vitrina.catalog.image_refs import CatalogImage, hash_bytes, image_at
from vitrina.catalog.parquet_batches import damage_as_user_error, open_parquet
from vitrina.catalog.source.parts import catalog_paths, find_parts
from vitrina.errors import UserError
from vitrina.store.paths import as_user_error

BATCH_BYTES = 32 << 20  # about; of the images that are read at once


@dataclass(frozen=True)
class CatalogImages:
    """The images in a column of a catalogue; small, so that it can travel to a worker."""

    catalog: tuple[str, ...]
    column: str


@dataclass
class CatalogImageReader:
    """Reads images while it is entered: forwards, a few at a time.

    Row groups in which none is wanted are skipped. In the others, what stands before a wanted row
    is read too; once, if images are asked for in their order.
    """

    images: CatalogImages
    _files: ExitStack = field(default_factory=ExitStack)
    _column: "_Column | None" = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._files.close()

    def read(self, wanted: Sequence[CatalogImage]) -> Iterator[bytes]:
        """The bytes of each image; they are wanted in the order of their rows.

        Raises UserError if the catalogue is not any more the one that was cleaned.
        """
        largest = max((image.size for image in wanted), default=0)
        rows = max(1, BATCH_BYTES // max(largest, 1))
        for image in wanted:
            column = self._column_of(image.part)
            data = image_at(column.value(image.row, rows), image.item)
            if data is None or hash_bytes(data) != image.hash:
                raise column.changed()
            yield data.to_pybytes()

    @cached_property
    def _parts(self) -> Sequence[UPath]:
        return [part.path for part in find_parts(catalog_paths(self.images.catalog))]

    def _column_of(self, part: int) -> "_Column":
        """The column in a part of the catalogue; of one part at a time."""
        if self._column is None or self._column.part != part:
            self._files.close()
            path = self._parts[part] if part < len(self._parts) else self._parts[-1]
            with as_user_error(path), damage_as_user_error(path):
                source = self._files.enter_context(path.open("rb"))
                self._column = _Column(part, path, self.images.column, open_parquet(source))
        return self._column


@dataclass
class _Column:
    """A column of a Parquet file, of which a few rows are in memory."""

    part: int
    path: UPath
    name: str
    file: pq.ParquetFile
    _rows: Iterator[pa.RecordBatch] = field(default_factory=lambda: iter(()))  # of a row group
    _end: int = 0  # of that row group
    _first: int = 0  # row of _values
    _values: pa.Array = field(default_factory=lambda: pa.nulls(0))

    def value(self, row: int, batch_rows: int) -> pa.Scalar:
        """The value in a row; so many are read at once."""
        if not self._first <= row < self._end:
            self._start(row, batch_rows)
        while row >= self._first + len(self._values):
            self._first += len(self._values)
            with damage_as_user_error(self.path):
                batch = next(self._rows)
            self._values = map_leaves(batch.column(self.name), unview)
        return self._values[row - self._first]

    def _start(self, row: int, batch_rows: int) -> None:
        """Begin to read the row group that has a row."""
        metadata = self.file.metadata
        sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
        ends = list(accumulate(sizes))
        group = bisect_right(ends, row)
        if group == len(ends) or self.name not in self.file.schema_arrow.names:
            raise self.changed()
        self._rows = self.file.iter_batches(batch_rows, row_groups=[group], columns=[self.name])
        self._first, self._end = ends[group] - sizes[group], ends[group]
        self._values = pa.nulls(0)

    def changed(self) -> UserError:
        """The error that the catalogue has changed."""
        return UserError(
            f"{self.path} has changed since it was cleaned: column {self.name!r} holds other "
            "images. Run again."
        )
