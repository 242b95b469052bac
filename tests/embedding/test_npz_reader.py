"""Reading NPZ files without loading them."""

from pathlib import Path

import numpy as np
import pytest

from vitrina.embedding.npz import ChunkedArray, write_npz
from vitrina.embedding.npz_reader import checksums, memory_map

ARRAYS = {
    "text": np.arange(12, dtype=np.float32).reshape(4, 3),
    "img": np.zeros((0, 3), np.float32),
    "nm": np.array(["ёж", "007", "a", ""]),
}


def chunked(array: np.ndarray) -> ChunkedArray:
    """The array in two chunks."""
    return ChunkedArray(array.dtype, array.shape, [array[:1], array[1:]])


@pytest.mark.parametrize("writer", ["ours", "numpy"])
def test_arrays_are_mapped_as_numpy_loads_them(writer: str, tmp_path: Path) -> None:
    """Of files that Vitrina wrote, and of numpy's own."""
    path = tmp_path / "x.npz"
    if writer == "ours":
        write_npz(path, {name: chunked(array) for name, array in ARRAYS.items()})
    else:
        np.savez(path, **ARRAYS)
    for name, array in ARRAYS.items():
        found = memory_map(path, name)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
    assert isinstance(memory_map(path, "text"), np.memmap)
    with pytest.raises(KeyError):
        memory_map(path, "absent")


def test_a_compressed_array_cannot_be_mapped(tmp_path: Path) -> None:
    """It says so."""
    np.savez_compressed(tmp_path / "x.npz", **ARRAYS)
    with pytest.raises(ValueError, match="is compressed"):
        memory_map(tmp_path / "x.npz", "text")


def test_a_checksum_is_of_the_content(tmp_path: Path) -> None:
    """Equal whoever wrote it, another for one value changed."""
    write_npz(tmp_path / "a.npz", {name: chunked(array) for name, array in ARRAYS.items()})
    np.savez(tmp_path / "b.npz", **ARRAYS)
    assert checksums(tmp_path / "a.npz") == checksums(tmp_path / "b.npz")
    changed = ARRAYS["text"].copy()
    changed[2, 1] = 0
    np.savez(tmp_path / "c.npz", **ARRAYS | {"text": changed})
    own, other = checksums(tmp_path / "a.npz"), checksums(tmp_path / "c.npz")
    assert own["text"] != other["text"]
    assert own["nm"] == other["nm"]
