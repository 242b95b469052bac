"""Products: listings with the same title or a common image are of one product."""

import hashlib
import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vitrina.catalog.listing_images import listing_images
from vitrina.catalog.processed_table import TITLE

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

NO_KEY = np.iinfo(np.int64).max
MAX_SHARING = 10  # listings; an image of more of them is no photo of one product


def normalize_title(title: str) -> str:
    """A title's form for comparison: differences in case, Unicode form and spaces are removed."""
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split())


@dataclass(frozen=True)
class ProductHashes:
    """Hashes of rows' titles and images, int64, 0 of an empty value: 8 bytes each.

    The texts themselves would fill memory; among 10 million different ones, the odds that any two
    share a hash are 1 in 370,000. An image's hash is of its content, or of its path where the
    table has no hash of the content.
    """

    titles: np.ndarray  # (rows,)
    images: np.ndarray  # (images,): one row's after the other's
    counts: np.ndarray  # (rows,): the number of images of each row

    @staticmethod
    def of(table: "pd.DataFrame") -> "ProductHashes":
        """Those of a table, or of a part of it."""
        titles = (normalize_title(title) for title in column_texts(table, TITLE))
        images = listing_images(table)
        texts = (one or path for one, path in zip(images.hashes, images.paths, strict=True))
        return ProductHashes(
            np.fromiter(map(text_key, titles), np.int64, len(table)),
            np.fromiter(map(text_key, texts), np.int64, len(images.paths)),
            images.counts,
        )

    @staticmethod
    def joined(parts: Sequence["ProductHashes"]) -> "ProductHashes":
        """Those of a table, from its parts in order."""
        empty, columns = np.zeros(0, np.int64), ("titles", "images", "counts")
        return ProductHashes(
            *(np.concatenate([empty, *(getattr(one, name) for one in parts)]) for name in columns)
        )

    def keys(self) -> np.ndarray:
        """Two keys per row, int64 (rows, 2), either of which identifies its product.

        The first is the title's hash; the second the image's or, where a chain of shared images
        links several rows, the smallest of all of theirs. 0 identifies nothing.
        """
        return np.stack([self.titles, self._linked_images()], axis=1)

    def _linked_images(self) -> np.ndarray:
        """An image other than the main one that more than ``MAX_SHARING`` have links nothing."""
        if (self.counts == 1).all():
            return self.images
        _, code, sharing = np.unique(self.images, return_inverse=True, return_counts=True)
        linking = sharing[code] <= MAX_SHARING
        linking[np.cumsum(self.counts) - self.counts] = True
        linking &= self.images != 0
        rows = np.repeat(np.arange(len(self.counts)), self.counts)[linking]
        keys = self.images[linking]
        label = _connected(len(self.counts), [(rows, keys)])
        # The smallest stands for all, so that the order of the rows does not matter.
        smallest = np.full(label.max(initial=-1) + 1, NO_KEY)
        np.minimum.at(smallest, label[rows], keys)
        return np.where(smallest[label] == NO_KEY, 0, smallest[label])


def product_keys(table: "pd.DataFrame") -> np.ndarray:
    """The keys of a whole table's products, int64 (rows, 2): see :meth:`ProductHashes.keys`."""
    return ProductHashes.of(table).keys()


def product_groups(table: "pd.DataFrame") -> np.ndarray:
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
    import pandas as pd
    from scipy.sparse import coo_array  # type: ignore[import-untyped]  # ships no types
    from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]  # the same

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


def column_texts(table: "pd.DataFrame", column: str) -> Iterable[str]:
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
