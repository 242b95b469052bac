"""Approximate search in a table, with and without a condition."""

import numpy as np
import pytest
from lancedb import col

from tests.support.vector_run import vector_run
from vitrina.config.index import IndexConfig
from vitrina.index.build import IndexRequest, build_index
from vitrina.index.lance import open_table
from vitrina.index.query import nearest
from vitrina.index.weight import WeightChoice
from vitrina.results import ColumnSearch
from vitrina.store.paths import to_path

CONFIG = IndexConfig(columns=("price",), image_weight=0.5, exact_below=100)
ONE_PROBE = ColumnSearch(probes=1, refine_factor=5, recall_at_10=1)


def test_the_nearest_rows_come_first_with_their_cosines(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A condition that few rows fulfil still finds all of them, though one partition is probed."""
    monkeypatch.setattr("vitrina.index.approximate.PARTITION_ROWS", 100)
    folder, run = to_path(tmp_path_factory.mktemp("query")), vector_run(900)
    table, vectors = run.write(folder, shard_rows=300)
    path = folder / ("a" * 20 + ".lance")
    result = build_index(IndexRequest(table, vectors, path, CONFIG), lambda: WeightChoice(0.5, {}))
    assert result.partitions == 9
    opened = open_table(path, result.version)
    assert opened is not None
    nm = run.rows["nm"].to_numpy()
    for row in (0, 500, 899):
        cosines = run.img @ run.text[row]
        found, scores = nearest(opened, "img", result.approximate["img"], run.text[row], 10)
        expected = np.sort(cosines)[::-1][:10]
        np.testing.assert_allclose(scores, expected, atol=1e-5)
        assert set(found.to_pylist()) == set(nm[np.argsort(-cosines)[:10]])
        wanted = col("nm").isin(nm[::300].tolist())
        found, _ = nearest(opened, "img", ONE_PROBE, run.text[row], 10, wanted)
        assert set(found.to_pylist()) == set(nm[::300])
        assert len(nearest(opened, "img", ONE_PROBE, run.text[row], 700)[0]) == 700
