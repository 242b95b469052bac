"""Copies, and pairs that share a title or an image."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vitrina.duplicates.known import first_copies, sharing_pairs

KEYS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


@given(KEYS)
def test_a_copy_is_of_the_first_row_with_its_title_and_image(keys: list[tuple[int, int]]) -> None:
    """A row that lacks one of them is a copy of none."""
    expected = [
        row if 0 in pair else next(other for other, same in enumerate(keys) if same == pair)
        for row, pair in enumerate(keys)
    ]
    assert first_copies(np.array(keys, np.int64)).tolist() == expected


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.integers(2, 5))
def test_rows_are_paired_by_what_few_share(keys: list[int], most: int) -> None:
    """All pairs with a key that at most ``most`` rows have; none with the key 0."""
    array, rows = np.array(keys, np.int64), np.arange(0, len(keys), 2)
    one, other = sharing_pairs(array, rows, most)
    expected = {
        (int(a), int(b))
        for a in rows
        for b in rows
        if a < b and keys[a] == keys[b] != 0 and (array[rows] == keys[a]).sum() <= most
    }
    found = {(min(a, b), max(a, b)) for a, b in zip(one.tolist(), other.tolist(), strict=True)}
    assert found == expected
    assert len(one) == len(expected)
