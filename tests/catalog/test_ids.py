"""The ids of a processed table."""

from pathlib import Path

import pandas as pd
import pytest

from vitrina.catalog.ids import read_ids
from vitrina.store.paths import to_path


@pytest.mark.parametrize("ids", [[5, 6, 7], ["007", "x", "y"]])
def test_ids_keep_their_type(ids: list[object], tmp_path: Path) -> None:
    """Texts stay texts, also where they look like numbers."""
    table = pd.DataFrame({"title": "t", "image_path": "p", "nm": ids})
    table.to_parquet(tmp_path / "t.parquet")
    assert read_ids(to_path(tmp_path / "t.parquet")).to_pylist() == ids
