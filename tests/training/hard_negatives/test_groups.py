"""Groups of listings that are all neighbours of each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.mined import Listings, listings
from vitrina.training.hard_negatives import groups as module
from vitrina.training.hard_negatives.groups import groups_of_neighbours, mutual
from vitrina.training.hard_negatives.neighbours import NONE, find_neighbours


@given(known=listings(), size=st.integers(2, 6), seed=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_no_two_rows_of_a_group_are_false_negatives(known: Listings, size: int, seed: int) -> None:
    """Nor strangers: each is a neighbour of each other one, and no row is in two groups."""
    found = find_neighbours(known.image, known.text, known.matches, 9, slice(0, len(known.image)))
    nearest = found.nearest.numpy()
    groups = list(groups_of_neighbours(nearest, size, np.random.default_rng(seed)))
    rows = np.concatenate([np.zeros(0, np.int64), *groups])
    assert len(set(rows.tolist())) == len(rows)
    for group in groups:
        assert 2 <= len(group) <= size
        for one in group:
            for other in set(group.tolist()) - {one}:
                assert other in nearest[one]
                assert not known.reason(one, other)


def test_neighbours_that_do_not_return_it_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks too; a missing neighbour is not taken for the last row."""
    nearest = np.array([[1, 2], [0, NONE], [1, 3], [2, NONE]])
    expected = [[1, NONE], [0, NONE], [NONE, 3], [2, NONE]]
    assert mutual(nearest).tolist() == expected
    monkeypatch.setattr(module, "BLOCK_ROWS", 3)
    assert mutual(nearest).tolist() == expected


def test_a_group_begins_with_the_nearest() -> None:
    """With room for two, each pair is of the nearest ones; all four would fit into one group."""
    nearest = np.array([[1, 2, 3], [0, 3, 2], [3, 0, 1], [2, 1, 0]])
    pairs = groups_of_neighbours(nearest, 2, np.random.default_rng(0))
    assert sorted(sorted(pair.tolist()) for pair in pairs) == [[0, 1], [2, 3]]
    (whole,) = groups_of_neighbours(nearest, 4, np.random.default_rng(0))
    assert sorted(whole.tolist()) == [0, 1, 2, 3]


def test_a_seed_repeats_the_groups() -> None:
    """Another one groups around other rows."""
    nearest = np.array([[(row - 1) % 30, (row + 1) % 30] for row in range(30)])

    def groups(seed: int) -> list[list[int]]:
        found = groups_of_neighbours(nearest, 2, np.random.default_rng(seed))
        return [group.tolist() for group in found]

    assert groups(1) == groups(1) != groups(2)
