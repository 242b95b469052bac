"""Reading the tables that clean has written."""

from collections.abc import Iterator

import pyarrow as pa

from vitrina.catalog.parquet_batches import ParquetReader
from vitrina.store.files import local_read
from vitrina.store.paths import to_path

BATCH_ROWS = 2_000  # also of a shard, which costs Prefect some 0.1 s whatever its size


def cleaned_batches(table: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a table, in batches of which memory holds one."""
    path = to_path(table)
    with local_read(path) as local:
        yield from ParquetReader(local, path).batches(BATCH_ROWS, columns)
