"""Groups without chains."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vitrina.duplicates.groups import representatives
from vitrina.duplicates.pairs import Pairs


def pairs_of(rows: set[tuple[int, int]]) -> Pairs:
    """Pairs of equal cosines."""
    one, other = np.array(sorted(rows), np.int64).reshape(-1, 2).T
    return Pairs.joined([Pairs.of(one, other, np.ones(len(one)))])


def test_a_chain_is_cut() -> None:
    """0-1-2-3-4: the middle ones have most duplicates, and the ends are not put together."""
    chain = pairs_of({(0, 1), (1, 2), (2, 3), (3, 4)})
    assert representatives(chain, np.arange(6)).tolist() == [1, 1, 1, 3, 3, 5]


def test_a_copy_is_where_its_first_copy_is() -> None:
    """Also a copy of a listing that has no other duplicate."""
    first_copy = np.array([0, 1, 2, 1, 2])
    assert representatives(pairs_of({(0, 1)}), first_copy).tolist() == [0, 0, 2, 0, 2]


@given(st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda two: two[0] < two[1])))
def test_every_member_is_a_duplicate_of_its_representative(rows: set[tuple[int, int]]) -> None:
    """And no two representatives without members are left that are a pair."""
    found = representatives(pairs_of(rows), np.arange(9)).tolist()
    for row, leader in enumerate(found):
        assert row == leader or (min(row, leader), max(row, leader)) in rows
        assert found[leader] == leader
    alone = {row for row in range(9) if found.count(row) == 1 and found[row] == row}
    assert not {pair for pair in rows if set(pair) <= alone}
