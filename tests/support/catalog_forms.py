"""A table in every form that a catalogue may have."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from vitrina.store.files import atomic_write, write_bytes

Write = Callable[[UPath, pa.Table], list[UPath]]  # into a folder; returns what to give as catalogue


def csv_bytes(table: pa.Table, encoding: str, delimiter: str, **how: Any) -> bytes:
    """The table as CSV; what the encoding lacks is written as HTML has it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, **how)
    writer.writerow(table.column_names)
    writer.writerows(zip(*table.to_pydict().values(), strict=True))
    return text.getvalue().encode(encoding, "xmlcharrefreplace")


def json_bytes(table: pa.Table) -> bytes:
    """The table as JSON Lines, without the keys of nulls."""
    rows = ({key: one for key, one in row.items() if one is not None} for row in table.to_pylist())
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _write(path: UPath, content: bytes) -> list[UPath]:
    write_bytes(path, content)
    return [path]


def _parquet(path: UPath, table: pa.Table) -> UPath:
    with atomic_write(path) as temp_file:
        pq.write_table(table, temp_file)
    return path


def _parts(folder: UPath, table: pa.Table) -> UPath:
    """As Spark writes them; the numbers of the parts say their order."""
    quarter = -(-len(table) // 4)
    for number in range(4):
        _parquet(folder / f"part-{number + 8}.parquet", table.slice(quarter * number, quarter))
    for name in ("_SUCCESS", ".part-8.parquet.crc", "_temporary/0/part-9.parquet"):
        write_bytes(folder / name, b"")
    return folder


def _differing_parts(folder: UPath, table: pa.Table) -> UPath:
    """Of other column orders and types."""
    narrow = table.schema.set(0, pa.field("nm", pa.int32()))
    _parquet(folder / "1.parquet", table.slice(0, 10).cast(narrow))
    _parquet(folder / "2.parquet", table.slice(10).select(table.column_names[::-1]))
    return folder


def _csv_parts(folder: UPath, table: pa.Table) -> UPath:
    """Two of them, written by two programs."""
    write_bytes(folder / "1.csv", csv_bytes(table.slice(0, 10), "utf-8-sig", ";"))
    write_bytes(folder / "2.csv.gz", gzip.compress(csv_bytes(table.slice(10), "utf-8", ",")))
    return folder


FORMS: dict[str, Write] = {
    "folder of parts": lambda folder, table: [_parts(folder / "c.parquet", table)],
    "glob": lambda folder, table: [_parts(folder, table) / "part-*.parquet"],
    "several files": lambda folder, table: [
        _parquet(folder / "b.parquet", table.slice(0, 15)),
        _parquet(folder / "a.parquet", table.slice(15)),
    ],
    "parts that differ": lambda folder, table: [_differing_parts(folder / "c", table)],
    "CSV": lambda folder, table: _write(folder / "c.csv", csv_bytes(table, "utf-8", ",")),
    "CSV of Excel": lambda folder, table: _write(
        folder / "c.csv", b"sep=;\r\n" + csv_bytes(table, "cp1251", ";", quoting=csv.QUOTE_ALL)
    ),
    "CSV of MySQL": lambda folder, table: _write(
        folder / "c.csv", csv_bytes(table, "utf-8", ",", doublequote=False, escapechar="\\")
    ),
    "TSV in UTF-16": lambda folder, table: _write(
        folder / "c.tsv", csv_bytes(table, "utf-16", "\t")
    ),
    "CSV, gzipped": lambda folder, table: _write(
        folder / "c.csv.gz", gzip.compress(csv_bytes(table, "utf-8", "|"))
    ),
    "folder of CSVs": lambda folder, table: [_csv_parts(folder / "c", table)],
    "JSON Lines": lambda folder, table: _write(folder / "c.jsonl", json_bytes(table)),
    "JSON Lines, gzipped": lambda folder, table: _write(
        folder / "c.json.gz", gzip.compress(json_bytes(table))
    ),
}
