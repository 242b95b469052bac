"""The images of each row of a processed table: one, or several with the main one first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vitrina.catalog.image_lists import LISTS, parse_lists
from vitrina.catalog.processed_table import IMAGE_HASH, IMAGE_HASHES, IMAGE_PATH, IMAGE_PATHS
from vitrina.config.text import SeveralImages
from vitrina.errors import UserError

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

# What of a table tells its rows' images.
IMAGE_COLUMNS = (IMAGE_PATH, IMAGE_HASH, IMAGE_PATHS, IMAGE_HASHES)
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ListingImages:
    """All images of some listings, one listing's after the other's; texts stay Arrow strings."""

    paths: "pd.Series[str]"
    hashes: "pd.Series[str]"  # of the images' content; empty where the table has none
    starts: Indices  # (rows + 1,): a row's images are those from its start to the next one

    @property
    def counts(self) -> Indices:
        """The number of images of each row, int64 (rows,)."""
        return np.diff(self.starts)

    @property
    def rows(self) -> Indices:
        """The row of each image, int64 (images,)."""
        return np.repeat(np.arange(len(self.starts) - 1), self.counts)

    def of(self, rows: Sequence[int]) -> "tuple[Indices, Indices]":
        """The positions of these rows' images, and where each row's start among them."""
        counts = self.counts[np.asarray(rows, np.int64)]
        starts = np.concatenate([[0], np.cumsum(counts)])
        first = np.repeat(self.starts[rows] - starts[:-1], counts)
        return first + np.arange(starts[-1]), starts


def listing_images(table: "pd.DataFrame", several: SeveralImages = "mean") -> ListingImages:
    """The images of a table's rows; with ``several`` "first" the main ones alone.

    Raises UserError if a row has another number of hashes than of images.
    """
    import pandas as pd

    paths, hashes = _texts(table, IMAGE_PATH), _texts(table, IMAGE_HASH)
    if several == "first" or IMAGE_PATHS not in table.columns:
        return ListingImages(paths, hashes, np.arange(len(table) + 1))
    lists = _lists(table[IMAGE_PATHS], paths)
    counts = pc.list_value_length(lists).to_numpy()
    starts = np.concatenate([[0], np.cumsum(counts)])
    if IMAGE_HASHES in table.columns:
        of_hashes = _lists(table[IMAGE_HASHES], hashes)
        other = np.flatnonzero(pc.list_value_length(of_hashes).to_numpy() != counts)
        if len(other):
            raise UserError(
                f"The table has {len(of_hashes[int(other[0])])} {IMAGE_HASHES} in row {other[0]} "
                f"(counted from 0) for {counts[other[0]]} {IMAGE_PATHS}: expected as many."
            )
        return ListingImages(_flat(lists), _flat(of_hashes), starts)
    known = np.full(starts[-1], "", object)
    known[starts[:-1]] = hashes
    return ListingImages(_flat(lists), pd.Series(known, dtype=str), starts)


def _texts(table: "pd.DataFrame", column: str) -> "pd.Series[str]":
    import pandas as pd

    found = table[column] if column in table.columns else pd.Series("", table.index)
    return found.fillna("").astype(str).reset_index(drop=True)


def _lists(column: "pd.Series[Any]", main: "pd.Series[str]") -> pa.LargeListArray:
    """A column of lists; where one is empty or missing, the main image alone."""
    import pandas as pd

    if column.dtype != pd.ArrowDtype(LISTS):  # of a frame that no stage has read
        column = parse_lists(column.map(_as_list), "The table", 0)
    lists = pa.array(column, LISTS)
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.combine_chunks()
    singles = pa.LargeListArray.from_arrays(
        pa.array(range(len(main) + 1), pa.int64()), pa.array(main, pa.large_string())
    )
    return pc.if_else(pc.equal(pc.fill_null(pc.list_value_length(lists), 0), 0), singles, lists)


def _as_list(value: object) -> object:
    """A list as pandas may hold it: an array from Parquet, JSON from a CSV, or nothing."""
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    return value if isinstance(value, str) else ""


def _flat(lists: pa.LargeListArray) -> "pd.Series[str]":
    import pandas as pd

    return pd.Series(lists.flatten().to_pandas(), dtype=str)
