"""Candidates compared by the whole vectors of their run."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.support.vector_run import vector_run
from vitrina.index.full_vectors import FullVectors
from vitrina.index.rows import product_vectors
from vitrina.store.paths import to_path


@pytest.mark.parametrize("as_text", [False, True])
def test_cosines_are_those_of_the_rows_with_these_ids(tmp_path: Path, as_text: bool) -> None:
    """In the order of the ids, for each kind of vector, whatever the shards and the ids' type."""
    run = vector_run(50)
    order = np.random.default_rng(0).permutation(50)
    run = run.select(order)
    if as_text:
        run.rows["nm"] = [f"артикул {nm}" for nm in run.rows["nm"]]
    _, vectors = run.write(to_path(tmp_path), shard_rows=16)
    rows = [np.array([3, 49, 0]), np.array([20, 3])]
    ids = [pa.array(run.rows["nm"].iloc[one].tolist()) for one in rows]
    queries = run.text[:2]
    product = product_vectors(run.text, run.img, 0.3)
    full = FullVectors(vectors, 0.3)
    for column, stored in (("text", run.text), ("img", run.img), ("product", product)):
        found = full.cosines(column, queries, ids)
        for query, own, cosines in zip(queries, rows, found, strict=True):
            np.testing.assert_allclose(cosines, stored[own] @ query, atol=1e-6)
