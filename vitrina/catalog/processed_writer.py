"""Writing the processed table: Parquet for the stages, CSV for people and scripts.

The Parquet file has one column more, the last: the hash of each row's image.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.processed_table import IMAGE_HASH, IMAGE_PATH, NM, TITLE
from vitrina.store.content_hash import ContentHash
from vitrina.store.files import atomic_write

CSV, TABLE, REJECTED = "processed_data.csv", "processed_data.parquet", "rejected.csv"
LEADING_COLUMNS = (TITLE, IMAGE_PATH, NM)
CARRIAGE_RETURN = r"\r\n?"  # a line break to CSV readers, but Python's csv does not quote it


@dataclass
class ProcessedTableWriter:
    """Writes kept and rejected rows into three open files, counts them and hashes the kept ones."""

    csv: TextIO
    parquet: pq.ParquetWriter
    rejected: TextIO
    content: ContentHash = field(default_factory=ContentHash)
    rows_kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def keep(self, rows: pa.RecordBatch, image_paths: list[str], image_hashes: list[str]) -> None:
        """Write rows of the cleaned table, with the paths and content hashes of their images."""
        rows = rows.append_column(IMAGE_HASH, pa.array(image_hashes, pa.string()))
        rows = rows.append_column(IMAGE_PATH, pa.array(image_paths, pa.string()))
        names = self.parquet.schema.names
        rows = rows.select(names)
        # Paths are not content: equal listings stored elsewhere get an equal hash.
        self.content.update(rows.select([name for name in names if name != IMAGE_PATH]))
        self.parquet.write_batch(rows)
        _csv_frame(rows).to_csv(self.csv, header=False, index=False, lineterminator="\n")
        self.rows_kept += rows.num_rows

    def reject(self, rows: Iterable[tuple[str | None, str]]) -> None:
        """Write rejected rows: nm, reason. A null nm becomes an empty one."""
        for nm, reason in rows:
            text = re.sub(CARRIAGE_RETURN, "\n", nm or "")
            _csv_writer(self.rejected).writerow([text, str(reason)])
            self.reasons[str(reason)] += 1


@contextmanager
def open_processed_writer(folder: UPath, cleaned: pa.Schema) -> Iterator[ProcessedTableWriter]:
    """A writer of rows of the cleaned table; the files appear in the folder when the block ends."""
    other_fields = [field for field in cleaned if field.name not in LEADING_COLUMNS]
    schema = pa.schema(
        [
            pa.field(TITLE, pa.string()),
            pa.field(IMAGE_PATH, pa.string()),
            cleaned.field(NM),
            *other_fields,
            pa.field(IMAGE_HASH, pa.string()),
        ]
    )
    with (
        atomic_write(folder / CSV) as csv_path,
        atomic_write(folder / TABLE) as table_path,
        atomic_write(folder / REJECTED) as rejected_path,
        csv_path.open("w", encoding="utf-8", newline="") as csv_file,
        pq.ParquetWriter(table_path, schema) as parquet,
        rejected_path.open("w", encoding="utf-8", newline="") as rejected,
    ):
        _csv_writer(csv_file).writerow(schema.names[:-1])
        _csv_writer(rejected).writerow([NM, "reason"])
        yield ProcessedTableWriter(csv_file, parquet, rejected)


def _csv_writer(file: TextIO) -> Any:
    return csv.writer(file, lineterminator="\n")


def _csv_frame(rows: pa.RecordBatch) -> pd.DataFrame:
    """The CSV's columns: all but the last. Integers with nulls stay integers; lists become JSON."""
    columns = {}
    for column_type, name in zip(rows.schema.types[:-1], rows.schema.names[:-1], strict=True):
        column = rows.column(name)
        if pa.types.is_nested(column_type):
            texts = (json.dumps(v, ensure_ascii=False, default=str) for v in column.to_pylist())
            columns[name] = pd.Series(list(texts))
        else:
            if pa.types.is_string(column_type) or pa.types.is_large_string(column_type):
                column = pc.replace_substring_regex(column, CARRIAGE_RETURN, "\n")
            # pandas' own integers and booleans cannot be null and would turn into floats or objects
            nullable = pa.types.is_integer(column_type) or pa.types.is_boolean(column_type)
            columns[name] = column.to_pandas(types_mapper=pd.ArrowDtype if nullable else None)
    return pd.DataFrame(columns)
