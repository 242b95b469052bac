"""The mean of several unit vectors."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vitrina.embedding.mean_vectors import mean_vectors


@given(st.lists(st.integers(1, 4), max_size=6), st.integers(0, 100))
def test_means_are_of_unit_length_and_of_their_own_vectors(counts: list[int], seed: int) -> None:
    """Whatever the numbers of images; a single vector stays what it is, to the bit."""
    vectors = np.random.default_rng(seed).normal(size=(sum(counts), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    means = mean_vectors(vectors, starts)
    assert means.shape == (len(counts), 8)
    assert means.dtype == np.float32
    for row, count in enumerate(counts):
        own = vectors[starts[row] : starts[row + 1]]
        if count == 1:
            np.testing.assert_array_equal(means[row], own[0])
        np.testing.assert_allclose(np.linalg.norm(means[row]), 1, atol=1e-6)
        expected = own.sum(axis=0)
        np.testing.assert_allclose(means[row], expected / np.linalg.norm(expected), atol=1e-5)


def test_of_vectors_that_cancel_out_the_first_counts() -> None:
    """There is no direction to normalize."""
    vectors = np.array([[1, 0], [-1, 0]], np.float32)
    np.testing.assert_array_equal(mean_vectors(vectors, np.array([0, 2])), [[1, 0]])
