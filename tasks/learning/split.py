"""Rows for training, validation and test, divided by product: no title or picture on two sides."""

import hashlib
import unicodedata

import numpy as np
import pandas as pd
from scipy.sparse import coo_array  # type: ignore[import-untyped]  # ships no types
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]  # the same

from tasks.errors import UserError

MIN_GROUPS = 2  # a retrieval among fewer products says nothing


def normalise_title(title: str) -> str:
    """A title as two listings of one product share it: case, form and spaces do not count."""
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split())


def product_groups(table: pd.DataFrame) -> np.ndarray:
    """A label per row, int64 (rows,): equal when a chain of equal titles or pictures joins them.

    Two rows are joined by an equal normalised ``title`` or an equal ``picture_hash`` (where the
    table has that column); an empty or missing value joins nothing.
    """
    titles = table["title"].fillna("").map(normalise_title)
    values = [_codes(titles)]
    if "picture_hash" in table.columns:
        values.append(_codes(table["picture_hash"].fillna("").astype(str)))
    rows = len(table)
    # A graph of rows and of the values they hold: those that share a value are connected by it.
    ends, offset = [], rows
    for codes in values:
        holds = np.flatnonzero(codes >= 0)
        ends.append(np.stack([holds, codes[holds] + offset]))
        offset += int(codes.max(initial=-1)) + 1
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
    labels, groups = np.unique(product_groups(table), return_inverse=True)
    least_validation, least_test = (MIN_GROUPS * (part > 0) for part in (validation, test))
    needed = least_validation + least_test + MIN_GROUPS
    if len(labels) < needed and needed > MIN_GROUPS:
        raise UserError(
            f"The table's {len(table)} rows are {len(labels)} different products (by title and "
            f"picture); a split into training, validation and test needs at least {needed}. "
            "Give more products, or set validation_fraction or test_fraction to 0."
        )
    sizes = np.bincount(groups, minlength=len(labels))
    chance = _chances(table, groups, len(labels), seed)
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


def _codes(values: pd.Series) -> np.ndarray:
    """A number per distinct value, int64 (rows,); -1 for an empty one."""
    return pd.factorize(values.where(values != ""))[0].astype(np.int64)


def _chances(table: pd.DataFrame, groups: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A number in [0, 1) per group, float64 (groups,), from the seed and the group's identity.

    The identity is the group's title of smallest hash; a row without a title stands for itself.
    """
    names = table["title"].fillna("").map(normalise_title)
    own = table["nm"].astype(str) if "nm" in table.columns else pd.Series("", table.index)
    hashes = np.array(
        [_hash(name or f"nm {nm}") for name, nm in zip(names, own, strict=True)], dtype=np.uint64
    )
    identity = np.full(count, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(identity, groups, hashes)
    return np.array([_hash(f"{seed} {one}") / 2**64 for one in identity])


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
