"""The processed table as the stages read it."""

from pathlib import Path

import pandas as pd
import pytest

from vitrina.catalog.processed_table import read_batches, read_table
from vitrina.errors import UserError
from vitrina.store.paths import to_path


def test_categories_are_values_like_others(tmp_path: Path) -> None:
    """A column of pandas' categories, or of Arrow's dictionaries, can be filled and compared."""
    kinds = pd.Series(["обувь", None, "сумки"], dtype="category")
    table = pd.DataFrame({"title": list("абв"), "image_path": list("xyz"), "category": kinds})
    table.to_parquet(tmp_path / "table.parquet")
    found = read_table(to_path(tmp_path / "table.parquet"))
    assert found["category"].fillna("").tolist() == ["обувь", "", "сумки"]


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_a_row_without_a_image_has_its_number_in_the_table(tmp_path: Path, name: str) -> None:
    """Not that in the batch in which it is read."""
    table = pd.DataFrame({"title": list("абвгд"), "image_path": ["x", "x", "x", "", "x"]})
    write = table.to_csv if name.endswith("csv") else table.to_parquet
    write(tmp_path / name, index=False)
    with pytest.raises(UserError, match="no image in row 3"):
        list(read_batches(to_path(tmp_path / name), 2))
