"""Writing the processed table: Parquet for the stages, CSV for people and scripts.

The Parquet file also has the hashes of the images, in the last columns.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TextIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from upath import UPath

from vitrina.catalog.column_types import is_text_type
from vitrina.catalog.csv_text import flat_texts, nested_texts, without_binary
from vitrina.catalog.processed_table import (
    IMAGE_HASH,
    IMAGE_HASHES,
    IMAGE_PATH,
    IMAGE_PATHS,
    NM,
    TITLE,
)
from vitrina.store.content_hash import ContentHash
from vitrina.store.files import atomic_write

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

CSV, TABLE, REJECTED = "processed_data.csv", "processed_data.parquet", "rejected.csv"
REJECTED_IMAGES = "rejected_images.csv"  # only where a listing may have several images
LEADING_COLUMNS = (TITLE, IMAGE_PATH, NM)
PATH_COLUMNS, HASH_COLUMNS = (IMAGE_PATH, IMAGE_PATHS), (IMAGE_HASH, IMAGE_HASHES)
CsvFormulas = Literal["keep", "escape"]
# A spreadsheet takes a cell that begins so for a formula, or drops its first character and then
# does; the last four are the same signs in full width.
FORMULA_START = "^([=+\\-@\t\r\uff1d\uff0b\uff0d\uff20])"
CARRIAGE_RETURN = r"\r\n?"  # a line break to CSV readers, but Python's csv does not quote it


@dataclass
class ProcessedTableWriter:
    """Writes kept and rejected rows into three open files, counts them and hashes the kept ones.

    With ``csv_formulas`` "escape", an apostrophe stands before each text of the two CSV files that
    a spreadsheet would run as a formula. The Parquet file always has the texts themselves.
    """

    csv: TextIO
    parquet: pq.ParquetWriter
    rejected: TextIO
    rejected_images: TextIO | None = None
    csv_formulas: CsvFormulas = "keep"
    content: ContentHash = field(default_factory=ContentHash)
    rows_kept: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    image_reasons: Counter[str] = field(default_factory=Counter)

    def keep(
        self,
        rows: pa.RecordBatch,
        image_paths: Sequence[Sequence[str]],
        image_hashes: Sequence[Sequence[str]],
    ) -> None:
        """Write rows of the cleaned table, with the paths and content hashes of their images.

        Each row has at least one image; all but the first are left out unless the table has columns
        for several.
        """
        names = self.parquet.schema.names
        for (first, every), values in (
            (PATH_COLUMNS, image_paths),
            (HASH_COLUMNS, image_hashes),
        ):
            rows = rows.append_column(first, pa.array([one[0] for one in values], pa.string()))
            if every in names:
                rows = rows.append_column(every, pa.array(values, pa.list_(pa.string())))
        rows = rows.select(names)
        # Paths are not content: equal listings stored elsewhere get an equal hash.
        self.content.update(rows.select([name for name in names if name not in PATH_COLUMNS]))
        self.parquet.write_batch(rows)
        frame = _csv_frame(rows, self.csv_formulas)
        frame.to_csv(self.csv, header=False, index=False, lineterminator="\n")
        self.rows_kept += rows.num_rows

    def reject(self, rows: Iterable[tuple[str | None, str]]) -> None:
        """Write rejected rows: nm, reason. A null nm becomes an empty one."""
        for nm, reason in rows:
            row = [_csv_text(nm or "", self.csv_formulas), str(reason)]
            _csv_writer(self.rejected).writerow(row)
            self.reasons[str(reason)] += 1

    def reject_images(self, images: Iterable[tuple[str, str, str]]) -> None:
        """Write rejected images, also those of kept rows: nm, source, reason."""
        if self.rejected_images:
            for nm, source, reason in images:
                texts = [_csv_text(text, self.csv_formulas) for text in (nm, source)]
                _csv_writer(self.rejected_images).writerow([*texts, str(reason)])
                self.image_reasons[str(reason)] += 1


@contextmanager
def open_processed_writer(
    folder: UPath,
    cleaned: pa.Schema,
    csv_formulas: CsvFormulas = "keep",
    *,
    several_images: bool = False,
) -> Iterator[ProcessedTableWriter]:
    """A writer of rows of the cleaned table; the files appear in the folder when the block ends.

    With ``several_images`` the table has columns for all images of a listing.
    """
    schema = _processed_schema(cleaned, several_images)
    with ExitStack() as files:

        def opened(name: str, header: Sequence[str]) -> TextIO:
            path = files.enter_context(atomic_write(folder / name))
            file = files.enter_context(path.open("w", encoding="utf-8", newline=""))
            _csv_writer(file).writerow(header)
            return file

        table_path = files.enter_context(atomic_write(folder / TABLE))
        yield ProcessedTableWriter(
            csv=opened(CSV, [_csv_text(name, csv_formulas) for name in _csv_names(schema)]),
            parquet=files.enter_context(pq.ParquetWriter(table_path, schema)),
            rejected=opened(REJECTED, [NM, "reason"]),
            rejected_images=(
                opened(REJECTED_IMAGES, [NM, "source", "reason"]) if several_images else None
            ),
            csv_formulas=csv_formulas,
        )


def _processed_schema(cleaned: pa.Schema, several_images: bool) -> pa.Schema:
    lists = pa.list_(pa.string())
    return pa.schema(
        [
            pa.field(TITLE, pa.string()),
            pa.field(IMAGE_PATH, pa.string()),
            cleaned.field(NM),
            *(field for field in cleaned if field.name not in LEADING_COLUMNS),
            *([pa.field(IMAGE_PATHS, lists)] if several_images else []),
            pa.field(IMAGE_HASH, pa.string()),
            *([pa.field(IMAGE_HASHES, lists)] if several_images else []),
        ]
    )


def _csv_names(schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if name not in HASH_COLUMNS]


def _csv_writer(file: TextIO) -> Any:
    return csv.writer(file, lineterminator="\n")


def _csv_text(text: str, csv_formulas: CsvFormulas) -> str:
    text = re.sub(CARRIAGE_RETURN, "\n", text)
    return re.sub(FORMULA_START, r"'\1", text) if csv_formulas == "escape" else text


def _csv_frame(rows: pa.RecordBatch, csv_formulas: CsvFormulas) -> "pd.DataFrame":
    """The CSV's columns."""
    import pandas as pd

    frame = pd.DataFrame(
        {
            name: _csv_column(rows[name], csv_formulas)
            for name in _csv_names(rows.schema)
            if name != IMAGE_PATHS
        }
    )
    if IMAGE_PATHS in rows.schema.names:  # the last one, and whole however long it is
        lists = rows[IMAGE_PATHS].to_pylist()
        frame[IMAGE_PATHS] = [json.dumps(one, ensure_ascii=False) for one in lists]
    return frame


def _csv_column(column: pa.Array, csv_formulas: CsvFormulas) -> "pd.Series[Any]":
    """A column as CSV shows it: see ``csv_text``; integers with nulls stay integers."""
    import pandas as pd

    if isinstance(column, pa.ExtensionArray):
        return _csv_column(column.storage, csv_formulas)
    if pa.types.is_nested(column.type):
        return pd.Series(nested_texts(column))
    if (texts := flat_texts(column)) is not None:
        return pd.Series(texts, dtype=object)
    if is_text_type(column.type):
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        column = without_binary(column)
        column = pc.replace_substring_regex(column, CARRIAGE_RETURN, "\n")
        if csv_formulas == "escape":
            column = pc.replace_substring_regex(column, FORMULA_START, r"'\1")
        return pd.Series(column.to_pandas())
    # pandas' own integers and booleans cannot be null and would turn into floats or objects
    nullable = pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
    return pd.Series(column.to_pandas(types_mapper=pd.ArrowDtype if nullable else None))
