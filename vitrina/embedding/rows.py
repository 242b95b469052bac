"""The rows of a processed table as embedding needs them."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from upath import UPath

from vitrina.catalog.processed_table import IMAGE_HASH, IMAGE_PATH, NM, TITLE, read_batches
from vitrina.errors import UserError
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import to_path

SURVEY_ROWS = 5_000
INTEGER = r"0|-?[1-9]\d{0,17}"
HASHING_THREADS = 16  # a file on S3 is a request of some 20 ms


@dataclass(frozen=True)
class Rows:
    """A run of rows: which they are, and what decides their vectors."""

    nm: Sequence[int] | Sequence[str]
    titles: Sequence[str]
    paths: Sequence[str]
    text_keys: Sequence[str]  # hash of the title
    image_keys: Sequence[str]  # hash of the image's content

    def __len__(self) -> int:
        return len(self.nm)

    def fingerprint(self, settings: str) -> str:
        """Of all that decides the content of these rows' shard."""
        return fingerprint(settings, self.nm, self.text_keys, self.image_keys)


@dataclass(frozen=True)
class TableStats:
    """How many rows a table has, and the type that holds every ``nm``."""

    rows: int
    nm_dtype: np.dtype[np.int64] | np.dtype[np.str_]


def table_stats(table: UPath) -> TableStats:
    """Read the table through once; a CSV says only so how long it is and what its ids are."""
    rows, width, integers = 0, 1, True
    for frame in read_batches(table, SURVEY_ROWS):
        rows += len(frame)
        integers &= _are_integers(frame[NM])
        width = max(width, int(frame[NM].astype(str).str.len().max() or 1) if len(frame) else 1)
    return TableStats(rows, np.dtype(np.int64) if integers else np.dtype(f"<U{width}"))


def _are_integers(nm: "pd.Series[int] | pd.Series[str]") -> bool:
    """Whether ids are integers, or texts that come back the same from being read as such."""
    return pd.api.types.is_integer_dtype(nm) or bool(nm.astype(str).str.fullmatch(INTEGER).all())


def table_rows(table: UPath, size: int, stats: TableStats) -> Iterator[Rows]:
    """The table in runs of at most ``size`` rows; one empty run if it has none."""
    if not stats.rows:
        yield Rows([], [], [], [], [])
    for frame in read_batches(table, size):
        if len(frame):
            with naming(table):
                rows = rows_of(frame, stats.nm_dtype)
            yield rows


@contextmanager
def naming(table: UPath) -> Iterator[None]:
    """Say of an image that cannot be read which table names it and what to do."""
    try:
        yield
    except UserError as error:
        raise UserError(
            f"{error} {table} names this image: put it back, or make the table again with "
            "flows/data_preprocessing.py, which leaves such rows out."
        ) from error


def rows_of(frame: pd.DataFrame, nm_dtype: npt.DTypeLike) -> Rows:
    """The rows of a frame; an image without ``image_hash`` is hashed from its file."""
    titles = frame[TITLE].fillna("").astype(str).tolist()
    paths = frame[IMAGE_PATH].astype(str).tolist()
    integers = np.issubdtype(nm_dtype, np.integer)
    return Rows(
        nm=frame[NM].astype("int64" if integers else str).tolist(),
        titles=titles,
        paths=paths,
        text_keys=[fingerprint(title) for title in titles],
        image_keys=_image_keys(frame, paths),
    )


def _image_keys(frame: pd.DataFrame, paths: Sequence[str]) -> list[str]:
    if IMAGE_HASH in frame.columns:
        keys = frame[IMAGE_HASH].fillna("").astype(str).tolist()
    else:
        keys = [""] * len(paths)
    unknown = [row for row, key in enumerate(keys) if not key]
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        found = pool.map(lambda row: file_fingerprint(to_path(paths[row])), unknown)
        for row, key in zip(unknown, found, strict=True):
            keys[row] = key
    return keys
