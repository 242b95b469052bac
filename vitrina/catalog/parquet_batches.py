"""Read a Parquet file batch by batch; a damaged one, wherever the damage is, is a UserError."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.paths import as_user_error

READ_BUFFER = 1 << 20  # bytes read from a column at once; the default reads a whole row group
MAX_BATCH_BYTES = 64 << 20  # about; of a table with images in it, 2,000 rows may take gigabytes
SAMPLE_ROWS = 16


@contextmanager
def damage_as_user_error(path: UPath) -> Iterator[None]:
    """Turn what pyarrow raises for a file that it cannot read into a UserError.

    Errors of the operating system, such as a full disk, pass: those have an ``errno``.
    """
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        printable = "".join(one if one.isprintable() else " " for one in str(error))
        reason = " ".join(printable.split()).rstrip(" .:")
        raise UserError(
            f"{path} is not a Parquet file, or is damaged: {reason}. Write or download it again."
        ) from error


def read_schema(path: UPath) -> pa.Schema:
    """The schema of a Parquet file, as ``ParquetReader`` has it; only the footer is read."""
    with as_user_error(path), damage_as_user_error(path), path.open("rb") as file:
        schema = open_parquet(file).schema_arrow
    return _with_index(schema, _range_index(schema))


class RangeIndex(NamedTuple):
    """A column that pandas wrote as two numbers: its index, where that is a range."""

    name: str
    start: int
    step: int


def _range_index(schema: pa.Schema) -> RangeIndex | None:
    """The named range index of a frame, such as consecutive ids after ``set_index("nm")``."""
    try:
        index = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))["index_columns"][0]
        found = RangeIndex(index["name"], int(index["start"]), int(index["step"]))
    except (ValueError, LookupError, TypeError):  # none, or no range
        return None
    return found if isinstance(found.name, str) and found.name not in schema.names else None


def _with_index(schema: pa.Schema, index: RangeIndex | None) -> pa.Schema:
    return schema if index is None else schema.append(pa.field(index.name, pa.int64()))


class ParquetReader:
    """A Parquet file, local or open, of which one batch is in memory at a time.

    ``path`` is the name that errors show. Spark's old timestamps (INT96) are read in microseconds:
    nanoseconds, Arrow's default, hold no year before 1677 or after 2262, and wrap around silently.
    A named range index of pandas, which the file holds as two numbers, is the last column.
    Pages are checked where the file has checksums.
    """

    def __init__(self, file: Path | IO[bytes], path: UPath) -> None:
        self._path = path
        with damage_as_user_error(path):
            self._file = open_parquet(file)
            schema = self._file.schema_arrow
        self._index = _range_index(schema)
        self.schema: pa.Schema = _with_index(schema, self._index)

    def batches(self, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Batches of at most ``rows`` rows, and of fewer where rows are large.

        Raises UserError if the file is damaged.
        """
        with damage_as_user_error(self._path):
            rows = min(rows, max(1, int(MAX_BATCH_BYTES / self._row_bytes(columns))))
            batches = self._file.iter_batches(rows, columns=columns)
        first_row = 0
        while True:
            with damage_as_user_error(self._path):
                batch = next(batches, None)
            if batch is None:
                return
            if self._index and (columns is None or self._index.name in columns):
                numbers = np.arange(first_row, first_row + batch.num_rows)
                values = pa.array(self._index.start + self._index.step * numbers, pa.int64())
                batch = batch.append_column(self._index.name, values)
            yield batch
            first_row += batch.num_rows

    def _row_bytes(self, columns: Sequence[str] | None) -> float:
        """About how many bytes a row takes in memory, by the footer and by the first rows.

        The footer alone does not tell: the same image in every row is stored once.
        """
        metadata = self._file.metadata
        groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
        stored = max((one.total_byte_size / max(one.num_rows, 1) for one in groups), default=0.0)
        sample = next(self._file.iter_batches(SAMPLE_ROWS, columns=columns), None)
        sampled = sample.nbytes / sample.num_rows if sample and sample.num_rows else 0.0
        return max(stored if columns is None else 0.0, sampled, 1.0)


def open_parquet(source: Path | IO[bytes]) -> pq.ParquetFile:
    """A Parquet file that is read page by page; Arrow's errors pass."""
    return pq.ParquetFile(
        source,
        buffer_size=READ_BUFFER,
        pre_buffer=False,
        coerce_int96_timestamp_unit="us",
        page_checksum_verification=True,
    )
