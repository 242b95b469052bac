"""Products: listings with the same title or a common image are of one product."""

import hashlib
import itertools
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_array  # type: ignore[import-untyped]  # ships no types
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]  # the same

from vitrina.catalog.listing_images import ListingImages, listing_images
from vitrina.catalog.processed_table import TITLE

NO_KEY = np.iinfo(np.int64).max
MAX_SHARING = 10  # listings; an image of more of them is no photo of one product


def normalize_title(title: str) -> str:
    """A title's form for comparison: differences in case, Unicode form and spaces are removed."""
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split())


def product_keys(table: pd.DataFrame) -> np.ndarray:
    """Two hashes per row, int64 (rows, 2), either of which identifies its product.

    The first is of the normalized title, the second of the image: of its ``image_hash``, or of its
    ``image_path`` where there is no hash. Rows with several images have one of all those that a
    chain of shared images links. The hash of an empty value is 0. Hashes take 8 bytes a row where
    the texts themselves would fill memory; among 10 million different texts, the odds that any two
    share a hash are 1 in 370,000.
    """
    titles = (normalize_title(title) for title in column_texts(table, TITLE))
    title_keys = np.fromiter(map(text_key, titles), np.int64, len(table))
    return np.stack([title_keys, _image_keys(listing_images(table))], axis=1)


def _image_keys(images: ListingImages) -> np.ndarray:
    """A hash per row, int64 (rows,), equal for rows that a chain of shared images links.

    An image other than the main one that more than ``MAX_SHARING`` listings have, such as a table
    of sizes, links none of them.
    """
    texts = (one or path for one, path in zip(images.hashes, images.paths, strict=True))
    keys = np.fromiter(map(text_key, texts), np.int64, len(images.paths))
    if (images.counts == 1).all():
        return keys
    _, code, sharing = np.unique(keys, return_inverse=True, return_counts=True)
    linking = sharing[code] <= MAX_SHARING
    linking[images.starts[:-1]] = True
    linking &= keys != 0
    rows, keys = images.rows[linking], keys[linking]
    label = _connected(len(images.counts), [(rows, keys)])
    # The chain's smallest key stands for all, so that the order of the rows does not matter.
    smallest = np.full(label.max(initial=-1) + 1, NO_KEY)
    np.minimum.at(smallest, label[rows], keys)
    return np.where(smallest[label] == NO_KEY, 0, smallest[label])


def product_groups(table: pd.DataFrame) -> np.ndarray:
    """A label per row, int64 (rows,): equal if a chain of equal titles or images links the rows."""
    return connected_rows(product_keys(table))


def connected_rows(keys: np.ndarray) -> np.ndarray:
    """A label per row, int64 (rows,): equal for rows linked by a chain of equal keys.

    ``keys`` are int64 (rows, columns). Rows are linked by an equal key in the same column, except
    by 0, which links nothing.
    """
    columns = [(np.flatnonzero(column), column[column != 0]) for column in keys.T]
    return _connected(len(keys), columns)


def _connected(rows: int, kinds: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """A label per row; each kind of link has some rows and the key of each of these."""
    # A graph with a node per row and per key and an edge from each row to its keys: the rows of a
    # connected component are linked.
    edges, offset = [], rows
    for with_key, keys in kinds:
        codes, distinct = pd.factorize(keys)
        edges.append(np.stack([with_key, codes + offset]))
        offset += len(distinct)
    ends = np.concatenate(edges, axis=1)
    graph = coo_array((np.ones(ends.shape[1], np.int8), tuple(ends)), shape=(offset, offset))
    labels: np.ndarray = connected_components(graph, directed=False)[1]
    return labels[:rows].astype(np.int64)


def column_texts(table: pd.DataFrame, column: str) -> Iterable[str]:
    """A column's values as texts; empty where a value or the whole column is missing."""
    if column not in table.columns:
        return itertools.repeat("", len(table))
    return map(str, table[column].fillna(""))


def text_key(text: str) -> int:
    """A signed 64-bit hash of a text; 0 for an empty one."""
    return int.from_bytes(text_digest(text), signed=True) if text else 0


def text_digest(text: str) -> bytes:
    """An 8-byte hash of a text."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
