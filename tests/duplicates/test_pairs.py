"""Pairs of rows as arrays."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vitrina.duplicates.pairs import Pairs

ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40)


def pairs_of(rows: list[tuple[int, int]]) -> Pairs:
    """The pairs, with a cosine that their two rows decide."""
    one, other = np.array(rows, np.int64).reshape(-1, 2).T
    return Pairs.of(one, other, (np.minimum(one, other) * 10 + np.maximum(one, other)) / 100)


@given(ROWS, ROWS)
def test_each_pair_is_there_once(some: list[tuple[int, int]], more: list[tuple[int, int]]) -> None:
    """Whichever row was named first; a row is no pair with itself."""
    joined = Pairs.joined([pairs_of(some), pairs_of(more)])
    expected = sorted({(min(pair), max(pair)) for pair in some + more if pair[0] != pair[1]})
    assert list(zip(joined.first.tolist(), joined.second.tolist(), strict=True)) == expected
    np.testing.assert_allclose(joined.cosine, [(a * 10 + b) / 100 for a, b in expected])
    assert len(np.unique(joined.keys())) == len(joined)


@given(ROWS, st.integers(1, 4))
def test_the_nearest_of_either_row_are_kept(rows: list[tuple[int, int]], most: int) -> None:
    """As sorting each row's pairs gives them."""
    pairs = Pairs.joined([pairs_of(rows)])
    kept = set()
    for row in range(10):
        own = np.flatnonzero((pairs.first == row) | (pairs.second == row))
        kept |= set(own[np.argsort(-pairs.cosine[own], kind="stable")][:most].tolist())
    np.testing.assert_array_equal(pairs.nearest(most).keys(), pairs.keys()[sorted(kept)])


def test_no_pairs_are_pairs_too() -> None:
    """Of a catalogue in which nothing is near."""
    assert len(Pairs.joined([]).nearest(3)) == 0
