"""Split a table by product into training, validation and test rows.

No title and no image occurs in two of the parts.
"""

from typing import TYPE_CHECKING

import numpy as np

from vitrina.catalog.processed_table import NM
from vitrina.catalog.products import (
    column_texts,
    connected_rows,
    product_keys,
    text_digest,
    text_key,
)
from vitrina.errors import UserError

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

MIN_GROUPS = 2  # per part: retrieval among fewer products measures nothing


def split_rows(table: "pd.DataFrame", validation: float, test: float, seed: int) -> np.ndarray:
    """'train', 'validation' or 'test' for each row, str (rows,); product groups stay whole.

    ``validation`` and ``test`` are fractions of the product groups. A group's part is decided by a
    hash of the seed and of the group's own titles. So it depends neither on the order of the rows
    nor on which other products are in the table, with two exceptions: each wanted part gets at
    least two groups, and a group with more rows than the larger of the two held-out parts should
    have (an image shared by half of the shop) is trained on.

    Raises UserError if a fraction is out of range or the table has too few products.
    """
    keys = product_keys(table)
    return split_keys(keys, identity_keys(table, keys[:, 0]), validation, test, seed)


def identity_keys(table: "pd.DataFrame", titles: np.ndarray) -> np.ndarray:
    """A hash that tells each row's product from others in every table, int64 (rows,).

    It is that of the title, which ``titles`` are; that of ``nm`` for a row without a title.
    """
    identities = titles.copy()
    untitled = np.flatnonzero(identities == 0)
    ids = column_texts(table.iloc[untitled], NM)
    identities[untitled] = np.fromiter(
        (text_key(f"nm {nm}") for nm in ids), np.int64, len(untitled)
    )
    return identities


# Five parameters: what the table's rows are, and how to split them.
def split_keys(
    keys: np.ndarray, identities: np.ndarray, validation: float, test: float, seed: int
) -> np.ndarray:
    """As :func:`split_rows`, from the keys of its rows, which take 24 bytes a row."""
    if min(validation, test) < 0 or validation + test >= 1:
        raise UserError(
            f"validation_fraction {validation} and test_fraction {test} leave nothing to train on: "
            "each must be at least 0 and their sum below 1."
        )
    labels, groups = np.unique(connected_rows(keys), return_inverse=True)
    min_groups = MIN_GROUPS * (1 + (validation > 0) + (test > 0))
    if len(labels) < min_groups and min_groups > MIN_GROUPS:
        raise UserError(
            f"The table's {len(keys)} rows are {len(labels)} different products (by title and "
            f"image); a split into training, validation and test needs at least {min_groups}. "
            "Give more products, or set validation_fraction or test_fraction to 0."
        )
    sizes = np.bincount(groups, minlength=len(labels))
    position = _group_positions(identities, groups, seed)
    position += sizes > max(validation, test) * len(keys)  # large groups last, into training
    n_test, n_held_out = _held_out_counts(position, validation, test)
    order = np.argsort(position, kind="stable")
    part = np.full(len(labels), "train", dtype="<U10")
    part[order[:n_test]] = "test"
    part[order[n_test:n_held_out]] = "validation"
    return part[groups]


def _held_out_counts(position: np.ndarray, validation: float, test: float) -> tuple[int, int]:
    """How many groups are for test, and how many for test and validation together."""
    n_groups = len(position)
    min_validation, min_test = (MIN_GROUPS * (part > 0) for part in (validation, test))
    n_test = max(int(np.sum(position < test)), min_test)
    n_test = min(n_test, n_groups - min_validation - MIN_GROUPS) if test else 0
    n_held_out = max(int(np.sum(position < test + validation)), n_test + min_validation)
    n_held_out = min(n_held_out, n_groups - MIN_GROUPS) if validation else n_test
    return n_test, n_held_out


def sampled(rows: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """At most ``limit`` of the row numbers, in their order; a seed always draws the same ones."""
    if len(rows) <= limit:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, limit, replace=False))


def _group_positions(identities: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """A pseudo-random number in [0, 1) per group, float64 (groups,), from the seed and its titles.

    A group is identified by the smallest of its rows' identity keys.
    """
    identity = np.full(groups.max(initial=-1) + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(identity, groups, identities.view(np.uint64))
    fractions = (int.from_bytes(text_digest(f"{seed} {one}")) / 2**64 for one in identity)
    return np.fromiter(fractions, np.float64, len(identity))
