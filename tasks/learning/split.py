"""Rows for training, validation and test, divided by product: no title or picture on two sides."""

import hashlib
import itertools
import unicodedata
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.sparse import coo_array  # type: ignore[import-untyped]  # ships no types
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]  # the same

from tasks.errors import UserError

MIN_GROUPS = 2  # a retrieval among fewer products says nothing


def normalise_title(title: str) -> str:
    """A title as two listings of one product share it: case, form and spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split())


def product_keys(table: pd.DataFrame) -> np.ndarray:
    """Hashes by which rows are told to be of one product, int64 (rows, 2); 0 for an empty value.

    One of the normalised ``title``, one of the picture: ``picture_hash``, or ``image_path`` where
    there is none. 8 bytes each, for texts of a whole table would be held in memory: among 10
    million different ones, two agree by chance in one table of 370,000.
    """
    titles = (normalise_title(title) for title in _texts(table, "title"))
    hashes, paths = _texts(table, "picture_hash"), _texts(table, "image_path")
    pictures = (known or path for known, path in zip(hashes, paths, strict=True))
    columns = [np.fromiter(map(_key, of), np.int64, len(table)) for of in (titles, pictures)]
    return np.stack(columns, axis=1)


def product_groups(table: pd.DataFrame) -> np.ndarray:
    """A label per row, int64 (rows,): equal when a chain of equal titles or pictures joins them."""
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


def split_rows(table: pd.DataFrame, validation: float, test: float, seed: int) -> np.ndarray:
    """'train', 'validation' or 'test' for each row, str (rows,), whole product groups together.

    A group's side follows from a hash of the seed and of the group's own titles, so it depends
    neither on the order of the rows nor on which other products come and go. Only where a hash
    cannot serve does the rest of the table matter: a wanted part gets at least two groups, and a
    group larger than the held-out part (a picture shared by half of the shop) is trained on.

    Raises UserError if a fraction is out of range or the table has too few products.
    """
    if min(validation, test) < 0 or validation + test >= 1:
        raise UserError(
            f"validation_fraction {validation} and test_fraction {test} leave nothing to train on: "
            "each must be at least 0 and their sum below 1."
        )
    keys = product_keys(table)
    labels, groups = np.unique(connected_rows(keys), return_inverse=True)
    least_validation, least_test = (MIN_GROUPS * (part > 0) for part in (validation, test))
    needed = least_validation + least_test + MIN_GROUPS
    if len(labels) < needed and needed > MIN_GROUPS:
        raise UserError(
            f"The table's {len(table)} rows are {len(labels)} different products (by title and "
            f"picture); a split into training, validation and test needs at least {needed}. "
            "Give more products, or set validation_fraction or test_fraction to 0."
        )
    sizes = np.bincount(groups, minlength=len(labels))
    chance = _chances(table, keys[:, 0], groups, seed)
    chance += sizes > max(validation, test) * len(table)  # the large ones go last, to training
    order = np.argsort(chance, kind="stable")
    n_test = max(int(np.sum(chance < test)), least_test)
    n_test = min(n_test, len(labels) - least_validation - MIN_GROUPS) if test else 0
    n_held = max(int(np.sum(chance < test + validation)), n_test + least_validation)
    n_held = min(n_held, len(labels) - MIN_GROUPS) if validation else n_test
    side = np.full(len(labels), "train", dtype="<U10")
    side[order[:n_test]] = "test"
    side[order[n_test:n_held]] = "validation"
    return side[groups]


def sampled(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """At most ``most`` of the row numbers, the same for a seed, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _texts(table: pd.DataFrame, column: str) -> Iterable[str]:
    """The values one by one, empty where one is missing or the table has no such column."""
    if column not in table.columns:
        return itertools.repeat("", len(table))
    return map(str, table[column].fillna(""))


def _chances(table: pd.DataFrame, titles: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """A number in [0, 1) per group, float64 (groups,), from the seed and the group's identity.

    The identity is the group's smallest key of a title; a row without a title stands for itself.
    """
    own = titles.copy()
    untitled = np.flatnonzero(own == 0)
    names = _texts(table.iloc[untitled], "nm")
    own[untitled] = np.fromiter((_key(f"nm {nm}") for nm in names), np.int64, len(untitled))
    identity = np.full(groups.max(initial=-1) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(identity, groups, own.view(np.uint64))
    chances = (int.from_bytes(_digest(f"{seed} {one}")) / 2**64 for one in identity)
    return np.fromiter(chances, np.float64, len(identity))


def _key(text: str) -> int:
    """A hash of 64 bits, signed; 0 for an empty text."""
    return int.from_bytes(_digest(text), signed=True) if text else 0


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
