"""Which listings are of one product: those with the same title or the same image."""

import hashlib
import itertools
import unicodedata
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.sparse import coo_array  # type: ignore[import-untyped]  # ships no types
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]  # the same


def normalize_title(title: str) -> str:
    """A title as two listings of one product share it: case, form and spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split())


def product_keys(table: pd.DataFrame) -> np.ndarray:
    """Hashes by which rows are told to be of one product, int64 (rows, 2); 0 for an empty value.

    One of the normalised ``title``, one of the image: ``image_hash``, or ``image_path`` where
    there is none. 8 bytes each, for texts of a whole table would be held in memory: among 10
    million different ones, two agree by chance in one table of 370,000.
    """
    titles = (normalize_title(title) for title in _texts(table, "title"))
    hashes, paths = _texts(table, "image_hash"), _texts(table, "image_path")
    images = (known or path for known, path in zip(hashes, paths, strict=True))
    columns = [np.fromiter(map(_key, of), np.int64, len(table)) for of in (titles, images)]
    return np.stack(columns, axis=1)


def product_groups(table: pd.DataFrame) -> np.ndarray:
    """A label per row, int64 (rows,): equal when a chain of equal titles or images joins them."""
    return connected_rows(product_keys(table))


def connected_rows(keys: np.ndarray) -> np.ndarray:
    """A label per row, int64 (rows,): equal when a chain of equal keys joins them; 0 joins nothing.

    ``keys`` are int64 (rows, columns); rows are joined by an equal key in the same column.
    """
    rows = len(keys)
    # A graph of rows and of the keys they hold: those that share a key are connected by it.
    ends, offset = [], rows
    for column in keys.T:
        holds = np.flatnonzero(column)
        codes, distinct = pd.factorize(column[holds])
        ends.append(np.stack([holds, codes + offset]))
        offset += len(distinct)
    edges = np.concatenate(ends, axis=1)
    graph = coo_array((np.ones(edges.shape[1], np.int8), tuple(edges)), shape=(offset, offset))
    labels: np.ndarray = connected_components(graph, directed=False)[1]
    return labels[:rows].astype(np.int64)


def _texts(table: pd.DataFrame, column: str) -> Iterable[str]:
    """The values one by one, empty where one is missing or the table has no such column."""
    if column not in table.columns:
        return itertools.repeat("", len(table))
    return map(str, table[column].fillna(""))


def _key(text: str) -> int:
    """A hash of 64 bits, signed; 0 for an empty text."""
    return int.from_bytes(_digest(text), signed=True) if text else 0


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
