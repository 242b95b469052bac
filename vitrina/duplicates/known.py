"""What titles and images alone say: copies of a listing, and pairs with one title or one image."""

from enum import IntEnum

import numpy as np

from vitrina.duplicates.pairs import Rows


class Kind(IntEnum):
    """What two listings share."""

    COPY = 0  # title and image
    TITLE = 1
    IMAGE = 2
    SIMILAR = 3  # neither, or only what too many share


def first_copies(keys: Rows) -> Rows:
    """For each row the first row with the same title and the same image, int64 (rows,).

    ``keys`` are :func:`vitrina.catalog.products.product_keys`; a row without one has no copy.
    """
    order = np.lexsort((keys[:, 1], keys[:, 0]))  # stable: equal rows stay in their order
    ordered = keys[order]
    begins = np.ones(len(keys), np.bool_)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1) | (ordered[1:] == 0).any(axis=1)
    start = np.maximum.accumulate(np.where(begins, np.arange(len(keys)), 0))
    first = np.empty(len(keys), np.int64)
    first[order] = order[start]
    return first


def sharing_pairs(keys: Rows, rows: Rows, most: int) -> tuple[Rows, Rows]:
    """The pairs of ``rows`` with an equal key, unless more than ``most`` rows share it.

    ``keys`` int64 (table rows,); 0 is shared by none.
    """
    order = rows[np.argsort(keys[rows], kind="stable")]
    order = order[keys[order] != 0]
    _, code, count = np.unique(keys[order], return_inverse=True, return_counts=True)
    order = order[count[code] <= most]
    ones, others = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for distance in range(1, most):
        equal = keys[order[:-distance]] == keys[order[distance:]]
        if not equal.any():
            break
        ones.append(order[:-distance][equal])
        others.append(order[distance:][equal])
    return np.concatenate(ones), np.concatenate(others)
