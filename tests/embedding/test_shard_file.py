"""Shards as Parquet files, local and on S3."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from tests.support.embedding import origin
from vitrina.embedding.rows import Rows
from vitrina.embedding.shard_file import (
    read_column,
    read_origin,
    read_vectors,
    vector_size,
    write_shard,
)
from vitrina.errors import UserError
from vitrina.store.files import read_bytes, write_bytes


def rows(nm: list[int] | list[str]) -> Rows:
    """Rows of these ids, whose keys follow from them."""
    names = [str(one) for one in nm]
    keys = [f"key of {name}" for name in names]
    return Rows(nm, names, [f"{name}.jpg" for name in names], keys, keys)


@pytest.mark.parametrize("nm", [[3, 1, 2], ["3", "007", "артикул"], []])
def test_a_shard_gives_back_what_was_written(place: UPath, nm: list[int] | list[str]) -> None:
    """Ids of either type, keys, both vectors, their size and their arithmetic."""
    generator = np.random.default_rng(0)
    text, img = (generator.random((len(nm), 4), np.float32) for _ in range(2))
    path = place / "part.parquet"
    write_shard(path, rows(nm), text, img, origin("cuda bfloat16"))
    assert read_column(path, "nm") == nm
    assert read_column(path, "image_key") == [f"key of {one}" for one in nm]
    for name, expected in (("text", text), ("img", img)):
        found = read_vectors(path, name)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)
    assert vector_size(path) == 4
    assert read_origin(path) == origin("cuda bfloat16")


def test_equal_shards_are_equal_files(place: UPath) -> None:
    """A shard that is computed twice replaces itself."""
    vectors = np.ones((2, 4), np.float32)
    for name in ("a", "b"):
        write_shard(place / name, rows([1, 2]), vectors, vectors, origin())
    assert read_bytes(place / "a") == read_bytes(place / "b")


def test_the_origin_is_readable_by_other_tools(tmp_path: Path) -> None:
    """A text for each field in the schema's metadata."""
    vectors = np.ones((2, 4), np.float32)
    write_shard(UPath(tmp_path / "part.parquet"), rows([1, 2]), vectors, vectors, origin())
    metadata = pq.read_schema(tmp_path / "part.parquet").metadata
    assert metadata[b"vitrina.model"] == b"m"
    assert json.loads(metadata[b"vitrina.templates"]) == ["{}", "фото {}"]
    assert metadata[b"vitrina.arithmetic"] == b"cpu float32"


def test_origin_of_an_older_shard_is_unknown(place: UPath) -> None:
    """It is not taken for that of any other."""
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": [1.0]}), buffer)
    write_bytes(place / "old.parquet", buffer.getvalue().to_pybytes())
    assert read_origin(place / "old.parquet") is None


def test_a_missing_shard_is_named(place: UPath) -> None:
    """On a disk and on S3."""
    with pytest.raises(UserError, match=r"absent\.parquet does not exist"):
        read_origin(place / "absent.parquet")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["text", "image"])
def test_a_vector_that_is_not_finite_is_never_written(
    kind: str, value: float, tmp_path: Path
) -> None:
    """The row is named, and there is no file."""
    good, bad = np.ones((3, 4), np.float32), np.ones((3, 4), np.float32)
    bad[1, 2] = value
    text, img = (bad, good) if kind == "text" else (good, bad)
    path = UPath(tmp_path / "part.parquet")
    with pytest.raises(UserError, match=f"The {kind} vector of nm 7 is not finite"):
        write_shard(path, rows([5, 7, 9]), text, img, origin())
    assert not list(tmp_path.iterdir())
