"""The Parquet files of pairs and groups."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vitrina.duplicates import files
from vitrina.duplicates.files import Members, ReportedPairs, write_groups, write_pairs
from vitrina.duplicates.known import Kind
from vitrina.store.paths import to_path

IDS = {"integers": pa.array([10, 11, 12, 13]), "texts": pa.array(["a", "007", "=1", "<b>"])}


def pairs() -> ReportedPairs:
    """Three pairs; nothing is known of the last one."""
    numbers = np.array([0.9, 0.8, 0.7], np.float32)
    return ReportedPairs(
        np.array([0, 1, 2]),
        np.array([3, 2, 3]),
        np.array([Kind.COPY, Kind.TITLE, Kind.SIMILAR], np.int8),
        numbers,
        numbers - 1,
        numbers + 1,
        np.array([1, 0.5, np.nan], np.float32),
    )


@pytest.mark.parametrize("ids", IDS.values(), ids=list(IDS))
def test_pairs_have_the_ids_of_the_table(
    ids: pa.Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of its type, in the given order; a score that is not known is null."""
    monkeypatch.setattr(files, "CHUNK", 2)
    write_pairs(to_path(tmp_path / "pairs.parquet"), pairs(), ids)
    found = pq.read_table(tmp_path / "pairs.parquet")
    assert found["nm_a"].to_pylist() == ids.take(pa.array([0, 1, 2])).to_pylist()
    assert found["nm_b"].to_pylist() == ids.take(pa.array([3, 2, 3])).to_pylist()
    assert found["nm_a"].type == ids.type
    assert found["kind"].to_pylist() == ["copy", "title", "similar"]
    assert found["score"].to_pylist() == [1, 0.5, None]
    np.testing.assert_allclose(found["cosine_text"], [0.9, 0.8, 0.7])
    np.testing.assert_allclose(found["cosine_image"], [-0.1, -0.2, -0.3], atol=1e-6)
    np.testing.assert_allclose(found["cosine"], [1.9, 1.8, 1.7])


def test_groups_name_their_representative(tmp_path: Path) -> None:
    """It shares nothing with itself; no group at all is a table without rows."""
    two = Members(
        np.array([0, 0]),
        np.array([3, 1]),
        np.array([3, 3]),
        np.array([Kind.COPY, Kind.IMAGE], np.int8),
        np.array([1, 0.9], np.float32),
    )
    write_groups(to_path(tmp_path / "g.parquet"), two, IDS["integers"])
    found = pd.read_parquet(tmp_path / "g.parquet")
    assert found["nm"].tolist() == [13, 11]
    assert found["is_representative"].tolist() == [True, False]
    assert found["kind"].isna().tolist() == [True, False]
    assert found["kind"][1] == "image"
    empty = np.zeros(0, np.int64)
    none = Members(empty, empty, empty, empty.astype(np.int8), empty.astype(np.float32))
    write_groups(to_path(tmp_path / "none.parquet"), none, IDS["texts"])
    assert pq.read_schema(tmp_path / "none.parquet").names == list(found.columns)
