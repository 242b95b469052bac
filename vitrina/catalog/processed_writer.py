"""The processed table on its way: a CSV for people and scripts, and Parquet for the stages."""

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

from vitrina.catalog.table_fingerprint import IMAGE_HASH, IMAGE_PATH
from vitrina.store.content_hash import ContentHash
from vitrina.store.files import atomic_write

CSV, TABLE, REJECTED = "processed_data.csv", "processed_data.parquet", "rejected.csv"
CARRIAGE_RETURN = r"\r\n?"  # a line's end to readers, which Python's csv does not quote
FIRST = ["title", IMAGE_PATH, "nm"]  # and last, in the Parquet alone, IMAGE_HASH


@dataclass
class ProcessedTable:
    """Takes rows kept and rows rejected into three open files, and counts them."""

    csv: TextIO
    parquet: pq.ParquetWriter
    rejected: TextIO
    content: ContentHash = field(default_factory=ContentHash)
    rows_kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def keep(self, rows: pa.RecordBatch, image_paths: list[str], hashes: list[str]) -> None:
        """Add rows of the cleaned table, with the paths and content hashes of their images."""
        rows = rows.append_column(IMAGE_HASH, pa.array(hashes, pa.string()))
        rows = rows.append_column(IMAGE_PATH, pa.array(image_paths, pa.string()))
        names = self.parquet.schema.names
        rows = rows.select(names)
        # Without paths: the same listings elsewhere are the same.
        self.content.update(rows.select([name for name in names if name != IMAGE_PATH]))
        self.parquet.write_batch(rows)
        _frame(rows).to_csv(self.csv, header=False, index=False, lineterminator="\n")
        self.rows_kept += rows.num_rows

    def reject(self, rows: Iterable[tuple[str, str]]) -> None:
        """Add rejected rows: nm, reason."""
        for nm, reason in rows:
            _csv_writer(self.rejected).writerow([re.sub(CARRIAGE_RETURN, "\n", nm), reason])
            self.reasons[reason] += 1


@contextmanager
def open_processed_writer(folder: UPath, cleaned: pa.Schema) -> Iterator[ProcessedTable]:
    """A table to fill from rows of the cleaned one; its files are in place when the block ends."""
    rest = [field for field in cleaned if field.name not in FIRST]
    texts = [pa.field(name, pa.string()) for name in ("title", IMAGE_PATH, IMAGE_HASH)]
    schema = pa.schema([*texts[:2], cleaned.field("nm"), *rest, texts[2]])
    with (
        atomic_write(folder / CSV) as csv_path,
        atomic_write(folder / TABLE) as table_path,
        atomic_write(folder / REJECTED) as rejected_path,
        csv_path.open("w", encoding="utf-8", newline="") as csv_file,
        pq.ParquetWriter(table_path, schema) as parquet,
        rejected_path.open("w", encoding="utf-8", newline="") as rejected,
    ):
        _csv_writer(csv_file).writerow(schema.names[:-1])
        _csv_writer(rejected).writerow(["nm", "reason"])
        yield ProcessedTable(csv_file, parquet, rejected)


def _csv_writer(file: TextIO) -> Any:
    return csv.writer(file, lineterminator="\n")


def _frame(rows: pa.RecordBatch) -> pd.DataFrame:
    """The CSV's columns. Integers with nulls stay integers; lists and structs become JSON."""
    columns = {}
    for kind, name in zip(rows.schema.types[:-1], rows.schema.names[:-1], strict=True):
        column = rows.column(name)
        if pa.types.is_nested(kind):
            texts = (json.dumps(v, ensure_ascii=False, default=str) for v in column.to_pylist())
            columns[name] = pd.Series(list(texts))
        else:
            whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
            if pa.types.is_string(kind) or pa.types.is_large_string(kind):
                column = pc.replace_substring_regex(column, CARRIAGE_RETURN, "\n")
            columns[name] = column.to_pandas(types_mapper=pd.ArrowDtype if whole else None)
    return pd.DataFrame(columns)
