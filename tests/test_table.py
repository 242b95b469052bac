"""The processed table as the stages read it."""

from pathlib import Path

import pandas as pd

from tasks.storage import location
from tasks.table import read_table


def test_categories_are_values_like_others(tmp_path: Path) -> None:
    """A column of pandas' categories, or of Arrow's dictionaries, can be filled and compared."""
    kinds = pd.Series(["обувь", None, "сумки"], dtype="category")
    table = pd.DataFrame({"title": list("абв"), "image_path": list("xyz"), "category": kinds})
    table.to_parquet(tmp_path / "table.parquet")
    found = read_table(location(tmp_path / "table.parquet"))
    assert found["category"].fillna("").tolist() == ["обувь", "", "сумки"]
