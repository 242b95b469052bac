"""The streamed NPZ is what numpy.savez would have written."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vitrina.embedding.npz import ChunkedArray, write_npz


def in_chunks(array: np.ndarray, size: int) -> ChunkedArray:
    chunks = [array[start : start + size] for start in range(0, len(array), size)]
    return ChunkedArray(array.dtype, array.shape, chunks)


@settings(deadline=None)  # the machine may be busy
@given(
    array=hnp.arrays(
        st.sampled_from([np.dtype("float32"), np.dtype("int64"), np.dtype("<U5")]),
        hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=9),
    ),
    size=st.integers(1, 4),
)
def test_any_array_comes_back_from_any_chunks(array: np.ndarray, size: int) -> None:
    """Values, shape and dtype survive, however the array is cut."""
    file = io.BytesIO()
    write_npz(file, {"a": in_chunks(array, size), "b": in_chunks(array, size + 1)})
    file.seek(0)
    with np.load(file) as loaded:
        assert set(loaded) == {"a", "b"}
        for name in loaded:
            assert loaded[name].dtype == array.dtype
            np.testing.assert_array_equal(loaded[name], array)


def test_content_equals_what_numpy_writes(tmp_path: Path) -> None:
    """Each member is byte for byte that of numpy.savez."""
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    write_npz(tmp_path / "ours.npz", {"text": in_chunks(array, 3)})
    np.savez(tmp_path / "numpy.npz", text=array)
    members = [
        zipfile.ZipFile(tmp_path / name).read("text.npy") for name in ("ours.npz", "numpy.npz")
    ]
    assert members[0] == members[1]


def test_equal_arrays_make_equal_files(tmp_path: Path) -> None:
    """The time of writing is not in the file."""
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, {"img": in_chunks(np.ones((5, 2), np.float32), 2)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("shape", [(4, 2), (6, 2), (5, 3)])
def test_chunks_that_do_not_fit_the_shape_are_refused(
    shape: tuple[int, int], tmp_path: Path
) -> None:
    """A file whose header has the wrong shape would be unreadable."""
    chunks = ChunkedArray(np.float32, shape, [np.ones((5, 2), np.float32)])
    with pytest.raises(ValueError, match="img"):
        write_npz(tmp_path / "a.npz", {"img": chunks})
