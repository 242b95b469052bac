"""Read the rows of a processed table in shards, with the keys that decide their vectors."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from upath import UPath

from vitrina.catalog.column_types import FLOAT, INTEGER
from vitrina.catalog.listing_images import IMAGE_COLUMNS, ListingImages, listing_images
from vitrina.catalog.processed_table import NM, id_kind, read_batches
from vitrina.catalog.text_template import TextTemplate, check_text
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.errors import UserError
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import to_path

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

logger = logging.getLogger(__name__)
STATS_BATCH_ROWS = 5_000
Starts = npt.NDArray[np.int64]
HASHING_THREADS = 16  # each file on S3 takes a request of some 20 ms


@dataclass(frozen=True)
class Rows:
    """Consecutive rows of a table, and the keys that decide their vectors."""

    nm: Sequence[int] | Sequence[str]
    texts: Sequence[str]
    paths: Sequence[str]  # of all images, one listing's after the other's
    text_keys: Sequence[str]  # hashes of the texts
    image_keys: Sequence[str]  # hashes of the images' content
    several: Starts | None = None  # see starts; None where each row has one image

    def __len__(self) -> int:
        return len(self.nm)

    @property
    def starts(self) -> Starts:
        """A row's images are those from its start to the next one: int64 (rows + 1,)."""
        return np.arange(len(self) + 1) if self.several is None else self.several

    @property
    def listing_keys(self) -> list[str]:
        """A hash of each row's images: that of its image, or of several ones' hashes in order."""
        if self.several is None:
            return list(self.image_keys)
        keys = (self.image_keys[first:end] for first, end in pairwise(self.several.tolist()))
        return [own[0] if len(own) == 1 else fingerprint(*own) for own in keys]

    def fingerprint(self, *settings: str) -> str:
        """A hash of everything that decides the content of these rows' shard."""
        return fingerprint(*settings, self.nm, self.text_keys, self.listing_keys)


@dataclass(frozen=True)
class TableStats:
    """The number of rows of a table, and the dtype that holds every ``nm``."""

    rows: int
    nm_dtype: np.dtype[np.int64] | np.dtype[np.str_]


def table_stats(table: UPath) -> TableStats:
    """Read the whole table once: a CSV does not state its length and the type of its ids.

    The ids are of the type of the table's column, whatever they look like; see ``id_kind`` for
    those of a CSV. A table without ids is warned of: its rows have their numbers instead.
    """
    kind = id_kind(table)
    if kind == "none":
        logger.warning(
            "%s has no column %r: the ids beside the vectors are the numbers of its rows, from 0.",
            table,
            NM,
        )
    rows, width, patterns = 0, 1, {INTEGER, FLOAT}
    for frame in read_batches(table, STATS_BATCH_ROWS, (NM,)):
        rows += len(frame)
        if kind in ("text", "digits") and len(frame):
            nm = frame[NM].astype(str)
            width = max(width, int(nm.str.len().max()))
            patterns = {one for one in patterns if kind == "digits" and nm.str.fullmatch(one).all()}
    if kind in ("text", "digits") and not patterns:
        return TableStats(rows, np.dtype(f"<U{width}"))
    return TableStats(rows, np.dtype("<U1" if kind == "text" else np.int64))


def table_rows(
    table: UPath, size: int, stats: TableStats, listing: ListingConfig = BY_TITLE
) -> Iterator[Rows]:
    """The rows in groups of at most ``size``; a single empty group if the table has none.

    Raises UserError naming the table if an image without a hash cannot be read, or if a column of
    the listing's text is missing.
    """
    check_text(listing.text, table)
    # Others may hold whole images.
    columns = (NM, *IMAGE_COLUMNS, *TextTemplate.parse(listing.text).columns)
    if not stats.rows:
        yield Rows([], [], [], [], [])
    for frame in read_batches(table, size, columns):
        if len(frame):
            with naming_table(table):
                rows = rows_of(frame, stats.nm_dtype, listing)
            yield rows


@contextmanager
def naming_table(table: UPath) -> Iterator[None]:
    """Add the table and the remedy to the UserError of an image that cannot be read."""
    try:
        yield
    except UserError as error:
        raise UserError(
            f"{error} {table} lists this image: restore it, or make the table again with "
            "flows/data_preprocessing.py, which leaves out such rows."
        ) from error


def rows_of(
    frame: "pd.DataFrame", nm_dtype: npt.DTypeLike, listing: ListingConfig = BY_TITLE
) -> Rows:
    """The rows of a frame; images of unknown hash are hashed from their files."""
    import pandas as pd

    texts = TextTemplate.parse(listing.text).render(frame)
    images = listing_images(frame, listing.several_images)
    nm = frame[NM]
    if not np.issubdtype(nm_dtype, np.integer):
        nm = nm.astype(str)
    elif not pd.api.types.is_integer_dtype(nm):
        nm = nm.astype(str).str.removesuffix(".0").astype("int64")
    return Rows(
        nm=nm.tolist(),
        texts=texts,
        paths=images.paths.tolist(),
        text_keys=[fingerprint(text) for text in texts],
        image_keys=_image_keys(images),
        several=None if len(images.paths) == len(frame) else images.starts,
    )


def _image_keys(images: ListingImages) -> list[str]:
    """The hash of each image where the table has it, else that of its file."""
    keys, paths = images.hashes.tolist(), images.paths.tolist()
    missing = [image for image, key in enumerate(keys) if not key]
    with ThreadPoolExecutor(HASHING_THREADS) as pool:
        hashes = pool.map(lambda image: file_fingerprint(to_path(paths[image])), missing)
        for image, key in zip(missing, hashes, strict=True):
            keys[image] = key
    return keys
