"""Vectors read from an NPZ a part at a time."""

import threading
from pathlib import Path

import numpy as np
import pytest

from vitrina.embedding.vector_file import VectorFile

ROWS = 50


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """Text and image vectors of unit length."""
    vectors = np.random.default_rng(0).standard_normal((2, ROWS, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    return {"text": vectors[0], "img": vectors[1], "nm": np.arange(ROWS)}


@pytest.fixture
def path(arrays: dict[str, np.ndarray], tmp_path: Path) -> Path:
    """An NPZ of them."""
    np.savez(tmp_path / "x.npz", **arrays)
    return tmp_path / "x.npz"


@pytest.mark.parametrize("rows", [[], [7], [3, 4, 5], [5, 3, 4, 3], [49, 0], list(range(50))])
def test_rows_come_in_the_order_asked_for(
    rows: list[int], path: Path, arrays: dict[str, np.ndarray]
) -> None:
    """Close together or far apart, repeated or not."""
    file = VectorFile.open(path)
    assert file.shape == (ROWS, 8)
    for column in ("text", "img"):
        found = file.read(column, np.array(rows, np.int64))
        np.testing.assert_array_equal(found, arrays[column][rows].reshape(-1, 8))


def test_the_product_of_joined_vectors_is_the_weighted_cosine(
    path: Path, arrays: dict[str, np.ndarray]
) -> None:
    """With any weights."""
    rows = np.arange(ROWS)
    joined = VectorFile.open(path).joined(rows, (0.3, 0.7))
    text, img = (arrays[name] @ arrays[name].T for name in ("text", "img"))
    np.testing.assert_allclose(joined @ joined.T, 0.3 * text + 0.7 * img, atol=1e-6)


def test_threads_read_at_the_same_time(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """None moves the other's place in the file."""
    file, wrong = VectorFile.open(path), []

    def read(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(200):
            rows = rng.integers(0, ROWS, 5)
            if not np.array_equal(file.read("img", rows), arrays["img"][rows]):
                wrong.append(rows)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_file_that_was_cut_off_is_an_error(path: Path) -> None:
    """Not vectors of whatever is in memory."""
    file = VectorFile.open(path)
    path.write_bytes(path.read_bytes()[: file.img.offset + 100])
    with pytest.raises(OSError, match="ends within row"):
        file.read("img", np.array([40]))
