"""The processed table: a row per listing with its text and the path of its resized image.

``title`` and ``image_path`` come first, then ``nm``, then every other column of the catalogue. A
table of another tool needs only the first two columns.
"""

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

import pandas as pd
import pyarrow.parquet as pq
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.files import local_read

# The columns. Cleaning and resizing give these names, whatever the catalogue calls them.
NM = "nm"  # the listing's id: int64 or str; read from a CSV, str
TITLE = "title"
DESCRIPTION = "description"
CATEGORY = "category"  # carried over from the catalogue, where it has one
IMAGE_PATH = "image_path"  # of the resized image: a local path or an s3:// address
IMAGE_HASH = "image_hash"  # of the resized image's content; only in Parquet tables of resize

REQUIRED_COLUMNS = (TITLE, IMAGE_PATH)
TEXT_COLUMNS = (NM, TITLE, IMAGE_PATH, DESCRIPTION, CATEGORY)  # never parsed as numbers
BATCH_ROWS = 5_000  # while a table is read, memory holds it and this many rows more


def read_batches(path: UPath, rows: int) -> Iterator[pd.DataFrame]:
    """The table in order, in frames of at most ``rows`` rows; memory holds one frame.

    Raises UserError if the file is missing, is neither CSV nor Parquet, lacks a required column, or
    has a row without an image path.
    """
    with local_read(path) as local:
        try:
            if path.suffix == ".parquet":
                parquet = pq.ParquetFile(local)
                frames: Iterator[pd.DataFrame] = (
                    batch.to_pandas() for batch in parquet.iter_batches(rows)
                )
            else:
                frames = pd.read_csv(
                    local,
                    chunksize=rows,
                    # Texts are kept verbatim: a product may be called None, and an id may be 007.
                    keep_default_na=False,
                    dtype=dict.fromkeys(TEXT_COLUMNS, str),
                )
            first_row = 0
            for frame in frames:
                yield _normalize_frame(frame, path, first_row)
                first_row += len(frame)
        except (ValueError, OSError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{path} cannot be read as a table: {error}") from error


def read_table(path: UPath, columns: Collection[str] | None = None) -> pd.DataFrame:
    """The whole table, indexed from 0.

    With ``columns`` only those of them that the table has. Raises UserError as ``read_batches``
    does, and if the table has no rows.
    """
    frames = [
        frame if columns is None else frame[[name for name in frame.columns if name in columns]]
        for frame in read_batches(path, BATCH_ROWS)
    ]
    if not any(map(len, frames)):
        raise UserError(f"{path} has no rows.")
    return pd.concat(frames, ignore_index=True)


def check_table(path: UPath) -> None:
    """Raise UserError if the file is not a processed table; only its first row is read."""
    next(read_batches(path, 1), None)


def _normalize_frame(frame: pd.DataFrame, path: UPath, first_row: int) -> pd.DataFrame:
    """The frame with an ``nm`` column and without categoricals; UserError if it cannot be used.

    ``first_row`` is the position in the table of the frame's first row.
    """
    missing = [name for name in REQUIRED_COLUMNS if name not in frame.columns]
    if missing:
        raise UserError(
            f"{path} has no column {missing[0]!r}; it has: {', '.join(map(str, frame.columns))}. "
            "Make it with flows/data_preprocessing.py."
        )
    no_path = frame[IMAGE_PATH].isna() | (frame[IMAGE_PATH] == "")
    if no_path.any():
        row = first_row + int(no_path.to_numpy().argmax())
        raise UserError(
            f"{path} names no image in row {row} (counted from 0): {IMAGE_PATH} is empty. Make it "
            "with flows/data_preprocessing.py, which leaves such rows out."
        )
    # A categorical column accepts no value outside its categories, not even an empty text.
    frame = frame.astype(
        {
            name: dtype.categories.dtype
            for name, dtype in frame.dtypes.items()
            if isinstance(dtype, pd.CategoricalDtype)
        }
    )
    if NM not in frame.columns:
        frame = frame.assign(**{NM: [PurePosixPath(name).stem for name in frame[IMAGE_PATH]]})
    return frame
