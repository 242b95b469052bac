"""Rows for training, validation and test, divided by product: no title or image on two sides."""

import numpy as np
import pandas as pd

from vitrina.catalog.products import _digest, _key, _texts, connected_rows, product_keys
from vitrina.errors import UserError

MIN_GROUPS = 2  # a retrieval among fewer products says nothing


def split_rows(table: pd.DataFrame, validation: float, test: float, seed: int) -> np.ndarray:
    """'train', 'validation' or 'test' for each row, str (rows,), whole product groups together.

    A group's side follows from a hash of the seed and of the group's own titles, so it depends
    neither on the order of the rows nor on which other products come and go. Only where a hash
    cannot serve does the rest of the table matter: a wanted part gets at least two groups, and a
    group larger than the held-out part (an image shared by half of the shop) is trained on.

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
            f"image); a split into training, validation and test needs at least {needed}. "
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
