"""The processed table: a row per listing with its text and the path of its resized image.

Columns: ``title`` (str) and ``image_path`` (str, local or s3://) first, ``nm`` (int64 or str; from
a CSV str), then whatever the catalogue carries. A CSV of another tool needs only the first two.
"""

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath

import pandas as pd
import pyarrow.parquet as pq
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.files import local_read

BATCH_ROWS = 5_000  # memory holds the table once and so many rows again
REQUIRED = ("title", "image_path")
TEXTS = ("nm", *REQUIRED, "description", "category")


def read_batches(path: UPath, rows: int) -> Iterator[pd.DataFrame]:
    """The table in frames of at most ``rows`` rows, in order; memory holds one frame.

    Raises UserError if the file is missing, is no CSV or Parquet, or lacks a required column.
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
                    # As they stand: a product may be called None, and an id 007.
                    keep_default_na=False,
                    dtype=dict.fromkeys(TEXTS, str),
                )
            first = 0
            for frame in frames:
                yield _checked(frame, path, first)
                first += len(frame)
        except (ValueError, OSError) as error:
            if isinstance(error, UserError):
                raise
            raise UserError(f"{path} cannot be read as a table: {error}") from error


def read_table(path: UPath, columns: Collection[str] | None = None) -> pd.DataFrame:
    """The whole table, rows numbered from 0; of its columns those named that it has, or all."""
    frames = [
        frame if columns is None else frame[[name for name in frame.columns if name in columns]]
        for frame in read_batches(path, BATCH_ROWS)
    ]
    if not frames:
        raise UserError(f"{path} has no rows.")
    return pd.concat(frames, ignore_index=True)


def check_table(path: UPath) -> None:
    """Refuse a file that is no processed table, after a look at its first row."""
    next(read_batches(path, 1), None)


def _checked(frame: pd.DataFrame, path: UPath, first: int) -> pd.DataFrame:
    """The frame as stages expect it; ``first`` is its first row's number in the table."""
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing:
        raise UserError(
            f"{path} has no column {missing[0]!r}; it has: {', '.join(map(str, frame.columns))}. "
            "Make it with flows/data_preprocessing.py."
        )
    unnamed = frame["image_path"].isna() | (frame["image_path"] == "")
    if unnamed.any():
        row = first + int(unnamed.to_numpy().argmax())
        raise UserError(
            f"{path} names no image in row {row} (counted from 0): image_path is empty. Make it "
            "with flows/data_preprocessing.py, which leaves such rows out."
        )
    # Of pandas' categories no other value can be made, not even an empty one.
    frame = frame.astype(
        {
            name: kind.categories.dtype
            for name, kind in frame.dtypes.items()
            if isinstance(kind, pd.CategoricalDtype)
        }
    )
    if "nm" not in frame.columns:
        stems = [PurePosixPath(name).stem for name in frame["image_path"]]
        frame = frame.assign(nm=stems)
    return frame
