"""The rows of an index: what is in them, and when their keys change."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from tests.support.vector_run import DIM, VectorRun, vector_run
from vitrina.index.rows import RunRows, product_vectors
from vitrina.store.files import local_read
from vitrina.store.paths import to_path


def keys_of(run: VectorRun, folder: Path, weight: float = 0.5) -> list[int]:
    """The row keys of a run."""
    table, vectors = run.write(to_path(folder))
    rows = RunRows(Path(table.path), vectors, ("price",), weight)
    return [key for _, keys in rows.row_keys() for key in keys.tolist()]


def test_a_batch_holds_listing_and_vectors(place: UPath) -> None:
    """From disk and from S3; the product is the weighted mean of both vectors, of unit length."""
    run = vector_run(40)
    table, vectors = run.write(place, shard_rows=16)
    with local_read(table) as local:
        rows = RunRows(local, vectors, ("price",), 0.25)
        keys = np.concatenate([found for _, found in rows.row_keys()])
        made = pa.Table.from_batches(rows.batches(keys), rows.schema)
        wanted = np.isin(np.arange(40), [3, 17, 39])
        few = pa.Table.from_batches(rows.batches(keys, wanted), rows.schema)
    shown = ["nm", "title", "category", "price", "image_path"]
    assert made.schema.names == [*shown, "text", "img", "product", "row_key"]
    pd.testing.assert_frame_equal(made.select(shown).to_pandas(), run.rows[shown])
    product = np.stack(made["product"].to_pylist())
    mean = 0.75 * run.text + 0.25 * run.img
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(product, expected, atol=1e-6)
    np.testing.assert_array_equal(np.stack(made["img"].to_pylist()).astype(np.float32), run.img)
    assert few == made.take(np.flatnonzero(wanted))


def test_a_key_changes_with_anything_in_its_row(tmp_path: Path) -> None:
    """And with nothing else: not with its position, nor with other rows."""
    run = vector_run(20)
    before = keys_of(run, tmp_path / "a")
    assert len(set(before)) == 20
    changed = vector_run(20)
    for row, column in enumerate(("title", "image_path", "category")):
        changed.rows.loc[row, column] = "другое"
    changed.rows.loc[3, "price"] = 99
    changed.text[4], changed.img[5] = changed.text[6], changed.img[7]
    after = keys_of(changed, tmp_path / "b")
    assert [row for row in range(20) if before[row] != after[row]] == [0, 1, 2, 3, 4, 5]
    assert keys_of(run.select(np.arange(20)[::-1]), tmp_path / "c") == before[::-1]
    assert not set(before) & set(keys_of(run, tmp_path / "d", weight=0.4))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, None, 3], pa.uint64()),
        pa.array([0.1, None, float("nan")], pa.float32()),
        pa.array([True, None, False]),
        pa.array([datetime.date(1700, 1, 1), None, datetime.date(9999, 1, 1)]),
        pa.array([datetime.datetime(2020, 1, 1), None, None], pa.timestamp("ns", "Europe/Moscow")),
        pa.array([Decimal("1.50"), None, Decimal("-2.00")]),
        pa.array(["a", None, "a"]).dictionary_encode(),
        pa.array(["'; DROP TABLE x --", None, "\x00\x1f"], pa.large_string()),
    ],
    ids=lambda values: str(values.type),
)
def test_columns_keep_their_values(values: pa.Array, tmp_path: Path) -> None:
    """Of every type that an index holds, with nulls."""
    table, vectors = vector_run(3).write(to_path(tmp_path))
    frame = pq.read_table(table.path).append_column("Цена, ₽", values)
    pq.write_table(frame, table.path)
    rows = RunRows(Path(table.path), vectors, ("Цена, ₽",), 0.5)
    keys = np.concatenate([found for _, found in rows.row_keys()])
    assert len(set(keys.tolist())) == 3
    made = pa.Table.from_batches(rows.batches(keys), rows.schema)
    assert str(made["Цена, ₽"].to_pylist()) == str(values.to_pylist())


def test_a_category_that_an_index_cannot_hold_is_left_out(tmp_path: Path) -> None:
    """It is in the table of the catalogue, but nobody asked for it here."""
    table, vectors = vector_run(3).write(to_path(tmp_path))
    frame = pq.read_table(table.path)
    lists: Any = pa.array([["a"], ["b"], None])
    frame = frame.set_column(frame.schema.names.index("category"), "category", lists)
    pq.write_table(frame, table.path)
    rows = RunRows(Path(table.path), vectors, (), 0.5)
    assert "category" not in rows.schema.names
    assert rows.filter_columns == ("nm", "title")


def test_an_empty_run_has_a_schema(tmp_path: Path) -> None:
    """And no rows."""
    table, vectors = vector_run(3).select(np.zeros(0, np.int64)).write(to_path(tmp_path))
    rows = RunRows(Path(table.path), vectors, ("price",), 0.5)
    assert list(rows.batches(np.zeros(0, np.int64))) == []
    assert rows.schema.field("product").type.list_size == DIM


def test_opposite_vectors_give_no_direction() -> None:
    """Rather than one that is not a number."""
    one = np.eye(2, dtype=np.float32)[:1]
    np.testing.assert_array_equal(product_vectors(one, -one, 0.5), [[0, 0]])
    np.testing.assert_allclose(np.linalg.norm(product_vectors(one, -one, 0.4), axis=1), 1)
