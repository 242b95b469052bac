"""What is known of a table's rows without their texts: hashes of titles, images and other columns.

They take some 24 bytes a row where the texts would take hundreds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from upath import UPath

from vitrina.catalog.column_names import check_named
from vitrina.catalog.listing_images import IMAGE_COLUMNS
from vitrina.catalog.parquet_batches import read_schema
from vitrina.catalog.processed_table import NM, TITLE, read_batches
from vitrina.catalog.products import ProductHashes, column_texts, connected_rows, text_key
from vitrina.catalog.split import identity_keys, split_keys
from vitrina.config.training import SplitConfig
from vitrina.errors import UserError

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

Keys = npt.NDArray[np.int64]

BATCH_ROWS = 5_000


@dataclass(frozen=True)
class RowKeys:
    """Hashes of a table's rows, int64; 0 stands for a missing value.

    ``products`` (rows, 2) are of title and image, ``columns`` (rows,) of other columns by name.
    """

    products: Keys
    identities: Keys
    columns: dict[str, Keys]

    def __len__(self) -> int:
        return len(self.products)

    def groups(self) -> Keys:
        """A label for each row's product, int64 (rows,)."""
        return connected_rows(self.products)

    def parts(self, split: SplitConfig) -> npt.NDArray[Any]:
        """'train', 'validation' or 'test' for each row; a table too small to split is all train."""
        fractions = split.validation_fraction, split.test_fraction
        try:
            return split_keys(self.products, self.identities, *fractions, split.seed)
        except UserError:
            return np.full(len(self), "train")


def read_row_keys(path: UPath, columns: Sequence[str] = ()) -> RowKeys:
    """The keys of a processed table's rows. Raises UserError for a column that it does not have."""
    check_columns(path, columns)
    wanted = (NM, TITLE, *IMAGE_COLUMNS, *columns)
    hashes: list[ProductHashes] = []
    identities = [np.zeros(0, np.int64)]
    others: dict[str, list[Keys]] = {name: [np.zeros(0, np.int64)] for name in columns}
    for frame in read_batches(path, BATCH_ROWS, wanted):
        hashes.append(ProductHashes.of(frame))
        identities.append(identity_keys(frame, hashes[-1].titles))
        for name in columns:
            others[name].append(_column_keys(frame, name))
    joined = {name: np.concatenate(parts) for name, parts in others.items()}
    products = ProductHashes.joined(hashes).keys()
    return RowKeys(products, np.concatenate(identities), joined)


def check_columns(path: UPath, columns: Sequence[str]) -> None:
    """Raise UserError naming a column that a Parquet table does not have."""
    if columns:
        check_named(str(path), read_schema(path).names, columns)


def column_values(frame: "pd.DataFrame", name: str) -> list[str]:
    """A column's values as texts without spaces around them; empty where one is missing.

    Integers are written as such also where pandas, for a missing value among them, has floats.
    """
    import pandas as pd

    texts = column_texts(frame, name)
    if pd.api.types.is_float_dtype(frame[name]):
        texts = (text.removesuffix(".0") for text in texts)
    return [text.strip() for text in texts]


def _column_keys(frame: "pd.DataFrame", name: str) -> Keys:
    return np.fromiter(map(text_key, column_values(frame, name)), np.int64, len(frame))
