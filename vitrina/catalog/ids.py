"""The ids of a processed table, as the table has them."""

import pyarrow as pa
from upath import UPath

from vitrina.catalog.parquet_batches import ParquetReader
from vitrina.catalog.processed_table import NM
from vitrina.store.files import local_read

BATCH_ROWS = 5_000


def read_ids(table: UPath) -> pa.Array:
    """The ids of a processed table's rows, of the type that they have there."""
    with local_read(table) as local:
        batches = [
            batch.column(NM) for batch in ParquetReader(local, table).batches(BATCH_ROWS, [NM])
        ]
    return pa.concat_arrays(batches) if batches else pa.array([], pa.int64())
