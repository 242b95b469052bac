"""The classes of a table's rows, as numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from upath import UPath

from vitrina.catalog.processed_table import read_batches
from vitrina.catalog.row_keys import check_columns, column_values

Codes = npt.NDArray[np.int32]

BATCH_ROWS = 5_000


@dataclass(frozen=True)
class Labels:
    """The class of each row, int32 (rows,), -1 where none is known; and the classes' names.

    ``rare`` are the classes that were left out, with their number of rows.
    """

    codes: Codes
    names: Sequence[str]
    rare: Mapping[str, int]
    rare_rows: npt.NDArray[np.bool_]

    @property
    def labelled(self) -> npt.NDArray[np.int64]:
        """The rows with one of the classes."""
        return np.flatnonzero(self.codes >= 0)

    @property
    def without(self) -> npt.NDArray[np.int64]:
        """The rows without a class; one that was left out is a class."""
        return np.flatnonzero((self.codes < 0) & ~self.rare_rows)


def read_labels(
    table: UPath, column: str, product: npt.NDArray[np.int64], min_products: int
) -> Labels:
    """The classes in a column of which at least ``min_products`` products are.

    ``product`` int64 (rows,) labels the rows' products. Raises UserError if there is no column of
    that name.
    """
    check_columns(table, [column])
    numbers: dict[str, int] = {"": -1}
    parts = [np.zeros(0, np.int32)]
    for frame in read_batches(table, BATCH_ROWS, [column]):
        values = column_values(frame, column)
        parts.append(
            np.fromiter((numbers.setdefault(one, len(numbers) - 1) for one in values), np.int32)
        )
    codes, names = np.concatenate(parts), [name for name in numbers if name]
    products, rows = _counts(codes, product, len(names))
    kept = np.flatnonzero(products >= min_products)
    renumbered = np.full(len(names) + 1, -1, np.int32)  # the last one is for -1
    by_name = sorted(kept.tolist(), key=lambda code: names[code])
    renumbered[by_name] = np.arange(len(kept))
    rare = {names[code]: int(rows[code]) for code in range(len(names)) if code not in set(kept)}
    return Labels(
        codes=renumbered[codes],
        names=[names[code] for code in by_name],
        rare=dict(sorted(rare.items())),
        rare_rows=(codes >= 0) & (renumbered[codes] < 0),
    )


def _counts(
    codes: Codes, product: npt.NDArray[np.int64], classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """How many different products, and how many rows, each class has."""
    known = codes >= 0
    pairs = np.unique(np.stack([codes[known], product[known]]), axis=1)
    rows = np.bincount(codes[known], minlength=classes)
    return np.bincount(pairs[0], minlength=classes), rows
