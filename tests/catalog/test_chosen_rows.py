"""A few rows of a large table."""

from pathlib import Path

import pandas as pd
import pytest

from vitrina.catalog import chosen_rows as module
from vitrina.catalog.chosen_rows import chosen_rows
from vitrina.store.paths import to_path


def test_the_rows_are_found_in_any_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each once, by its number; without columns that are not there."""
    monkeypatch.setattr(module, "BATCH_ROWS", 4)
    path = tmp_path / "t.parquet"
    pd.DataFrame(
        {"title": [f"t{row}" for row in range(10)], "image_path": "x", "nm": range(10)}
    ).to_parquet(path)
    found = chosen_rows(to_path(path), [9, 0, 5, 5], ("title", "absent"))
    assert found.index.tolist() == [0, 5, 9]
    assert found["title"].tolist() == ["t0", "t5", "t9"]
    assert list(found.columns) == ["title"]
    assert len(chosen_rows(to_path(path), [], ("title",))) == 0
