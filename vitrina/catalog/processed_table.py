"""The processed table: a row per listing with its text and the path of its resized image.

``title`` and ``image_path`` come first, then ``nm``, then every other column of the catalogue. A
table of another tool needs only the first two columns; its rows are numbered where it has no ids.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from upath import UPath

from vitrina.catalog.carried import decoded
from vitrina.catalog.column_names import missing_column
from vitrina.catalog.column_types import (
    holds_text,
    is_bytes_type,
    is_id_type,
    max_exact_integer,
    parse_id,
)
from vitrina.catalog.csv_text import flat_texts, nested_texts
from vitrina.catalog.image_lists import lists_of_texts, parse_lists
from vitrina.catalog.parquet_batches import ParquetReader, read_schema
from vitrina.errors import UserError
from vitrina.store.files import local_read
from vitrina.store.paths import as_user_error, is_file

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

# The columns. Cleaning and resizing give these names, whatever the catalogue calls them.
NM = "nm"  # the listing's id: int64 or str, by the column's type; read from a CSV, str
TITLE = "title"
DESCRIPTION = "description"
CATEGORY = "category"  # carried over from the catalogue, where it has one
IMAGE_PATH = "image_path"  # of the resized image: a local path or an s3:// address
IMAGE_HASH = "image_hash"  # of the resized image's content; only in Parquet tables of resize
# Where a listing may have several images: lists of these, whose first is the one above.
IMAGE_PATHS = "image_paths"  # in a CSV a JSON array
IMAGE_HASHES = "image_hashes"  # only in Parquet tables of resize

IdKind = Literal["integer", "text", "digits", "none"]
REQUIRED_COLUMNS = (TITLE, IMAGE_PATH)
LIST_COLUMNS = (IMAGE_PATHS, IMAGE_HASHES)
# Never parsed as numbers.
TEXT_COLUMNS = (NM, TITLE, IMAGE_PATH, DESCRIPTION, CATEGORY, *LIST_COLUMNS)
MAX_TEXT_BYTES = 1_000  # a column of bytes that takes more a row holds no text
BATCH_ROWS = 5_000  # while a table is read, memory holds it and this many rows more


def read_batches(
    path: UPath, rows: int, columns: Collection[str] | None = None
) -> Iterator["pd.DataFrame"]:
    """The table in order, in frames of at most ``rows`` rows; memory holds one frame.

    With ``columns`` only those of them that the table has, as texts, and those that every frame
    has: title, image_path and nm. Without, lists, structs and maps are left out: they may hold
    whole images. But ``image_paths`` and ``image_hashes``, which a table with several images a
    listing has, are lists of str. A table without ``nm`` gets the numbers of its rows, from 0.

    Raises UserError if the file is missing, is neither CSV nor Parquet, lacks a required column, or
    has a row without an image path or without an id.
    """
    wanted = None if columns is None else {*columns, *REQUIRED_COLUMNS, NM}
    with local_read(path) as local:
        read = _parquet_frames if path.suffix == ".parquet" else _csv_frames
        first_row = 0
        for frame in read(local, path, rows, wanted):
            yield _normalize_frame(frame, path, first_row)
            first_row += len(frame)


def _csv_frames(
    local: Path, path: UPath, rows: int, wanted: set[str] | None
) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    try:
        yield from pd.read_csv(
            local,
            chunksize=rows,
            usecols=None if wanted is None else lambda name: name in wanted,
            # Texts are kept verbatim: a product may be called None, and an id may be 007.
            keep_default_na=False,
            dtype=dict.fromkeys((*TEXT_COLUMNS, *(wanted or ())), str),
            encoding="utf-8-sig",  # spreadsheets write a byte order mark
        )
    except (ValueError, OSError) as error:
        raise UserError(f"{path} cannot be read as a table: {error}") from error


def _parquet_frames(
    local: Path, path: UPath, rows: int, wanted: set[str] | None
) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    reader = ParquetReader(local, path)
    _check_unique(reader.schema.names, path)
    names = [
        field.name
        for field in reader.schema
        if (
            field.name in LIST_COLUMNS or not pa.types.is_nested(field.type)
            if wanted is None
            else field.name in wanted
        )
    ]
    first_row = 0
    for batch in reader.batches(rows, names):
        columns = {
            name: _column(name, column, path, first_row, as_text=wanted is not None)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
            if name in names  # a name also selects columns whose names go on with a dot
        }
        yield pd.DataFrame(columns, index=pd.RangeIndex(batch.num_rows))
        first_row += batch.num_rows


def _column(
    name: str, column: pa.Array, path: UPath, first_row: int, *, as_text: bool
) -> "pd.Series[Any]":
    if name == NM:
        return _ids(column, path, first_row)
    if name in LIST_COLUMNS:
        return lists_of_texts(column, name, path)
    return _text_series(column) if as_text else _series(column)


def _check_unique(names: Sequence[str], path: UPath) -> None:
    for name in (*REQUIRED_COLUMNS, NM):
        if names.count(name) > 1:
            raise UserError(f"{path} has {names.count(name)} columns {name!r}. Rename all but one.")


def _ids(column: pa.Array, path: UPath, first_row: int) -> "pd.Series[Any]":
    """Ids as int64 or str; UserError for a number that is neither a 64-bit integer nor null."""
    import pandas as pd

    if holds_text(column.type) or not is_id_type(column.type):
        return _series(column)
    if pa.types.is_int64(column.type) and not column.null_count:
        return pd.Series(column.to_numpy())
    ids = []
    for row, value in enumerate(column.to_pylist()):
        nm, reason = parse_id(value, max_exact_integer(column.type))
        if nm is None:
            raise UserError(
                f"{path}: {NM} in row {first_row + row} (counted from 0) is {value}, which is no "
                f"id ({reason}). Ids are 64-bit integers or text: correct it, or store ids as text."
            )
        ids.append(nm)
    return pd.Series(ids, dtype="int64")


def _series(column: pa.Array) -> "pd.Series[Any]":
    """A column for pandas; what pandas or Python may not hold, such as a year 20000, is text."""
    import pandas as pd

    if isinstance(column, pa.ExtensionArray):
        return _series(column.storage)
    if pa.types.is_dictionary(column.type):
        return _series(column.dictionary_decode())
    large = is_bytes_type(column.type) and column.nbytes > MAX_TEXT_BYTES * len(column)
    if holds_text(column.type) and not large:
        try:
            texts = column.cast(pa.large_binary()).cast(pa.large_string())
        except pa.ArrowInvalid:  # not UTF-8
            texts = decoded(column, pa.string())
        return pd.Series(texts.to_pandas())
    written = None if pa.types.is_null(column.type) else flat_texts(column)
    return pd.Series(column.to_pandas() if written is None else written)


def _text_series(column: pa.Array) -> "pd.Series[Any]":
    """A column as texts, written as a CSV has them; numbers of any size keep all their digits."""
    import pandas as pd

    if isinstance(column, pa.ExtensionArray):
        return _text_series(column.storage)
    if pa.types.is_dictionary(column.type):
        return _text_series(column.dictionary_decode())
    if pa.types.is_nested(column.type):
        return pd.Series(nested_texts(column))
    if holds_text(column.type):
        return _series(column)
    if (written := flat_texts(column)) is not None:
        return pd.Series(written)
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    return pd.Series(column.cast(pa.string()).to_pandas())


def column_names(path: UPath) -> list[str]:
    """The names of a table's columns; only its schema or first line is read."""
    if path.suffix == ".parquet":
        return list(read_schema(path).names)
    with as_user_error(path), path.open("r", encoding="utf-8-sig", errors="replace") as file:
        return next(csv.reader(file), [])


def id_kind(path: UPath) -> IdKind:
    """Whether a table's ids are integers, texts, decided by their digits, or missing.

    The type of the column decides. A CSV has none: the Parquet table beside it, of the same name,
    says whether its ids are texts; without one they are integers if all of them look like integers.
    """
    if path.suffix == ".parquet":
        return _parquet_id_kind(path)
    if NM not in column_names(path):
        return "none"
    beside = path.with_suffix(".parquet")
    if beside.name == path.name or not is_file(beside):
        return "digits"
    try:
        return "text" if _parquet_id_kind(beside) == "text" else "digits"
    except UserError:  # no Parquet file: it says nothing about the CSV
        return "digits"


def _parquet_id_kind(path: UPath) -> IdKind:
    schema = read_schema(path)
    if NM not in schema.names:
        return "none"
    kind = schema.field(NM).type
    return "text" if holds_text(kind) or not is_id_type(kind) else "integer"


def read_table(path: UPath, columns: Collection[str] | None = None) -> "pd.DataFrame":
    """The whole table, indexed from 0.

    With ``columns`` only those of them that the table has. Raises UserError as ``read_batches``
    does, and if the table has no rows.
    """
    import pandas as pd

    frames = [
        frame if columns is None else frame[[name for name in frame.columns if name in columns]]
        for frame in read_batches(path, BATCH_ROWS, columns)
    ]
    if not any(map(len, frames)):
        raise UserError(f"{path} has no rows.")
    return pd.concat(frames, ignore_index=True)


def check_table(path: UPath) -> None:
    """Raise UserError if the file is not a processed table; only its first row is read."""
    next(read_batches(path, 1), None)


def _normalize_frame(frame: "pd.DataFrame", path: UPath, first_row: int) -> "pd.DataFrame":
    """The frame with an ``nm`` column; UserError if it cannot be used.

    ``first_row`` is the position in the table of the frame's first row.
    """
    missing = [name for name in REQUIRED_COLUMNS if name not in frame.columns]
    if missing:
        message = missing_column(str(path), missing[0], list(map(str, frame.columns)))
        raise UserError(f"{message} Make it with flows/data_preprocessing.py.")
    if NM not in frame.columns:
        frame = frame.assign(**{NM: range(first_row, first_row + len(frame))})
    for name, what in ((IMAGE_PATH, "image"), (NM, "id")):
        empty = frame[name].isna() | (frame[name] == "")
        if empty.any():
            row = first_row + int(empty.to_numpy().argmax())
            raise UserError(
                f"{path} names no {what} in row {row} (counted from 0): {name} is empty. Make it "
                "with flows/data_preprocessing.py, which leaves such rows out."
            )
    names = [name for name in LIST_COLUMNS if name in frame.columns]
    return frame.assign(**{name: parse_lists(frame[name], path, first_row) for name in names})
