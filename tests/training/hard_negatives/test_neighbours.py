"""The nearest listings of other products: exact, in blocks, and none that is a false negative."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.support.mined import Listings, listings, random_listings
from vitrina.training.hard_negatives import neighbours as module
from vitrina.training.hard_negatives.false_negatives import REASONS, KnownMatches
from vitrina.training.hard_negatives.neighbours import NONE, find_neighbours


def brute_force(known: Listings, row: int, count: int) -> tuple[list[int], dict[str, int]]:
    """A listing's neighbours, and how many nearer ones were kept out, one pair at a time."""
    ranked = sorted(
        set(range(len(known.image))) - {row}, key=lambda other: -known.score(row, other)
    )
    kept_out = {other: reason for other in ranked if (reason := known.reason(row, other))}
    found = [other for other in ranked if other not in kept_out][:count]
    nearer = ranked[: ranked.index(found[-1])] if len(found) == count else ranked
    reasons = [kept_out[other] for other in nearer if other in kept_out]
    return found, {reason: reasons.count(reason) for reason in REASONS}


@pytest.mark.parametrize("with_queries", [False, True])
@pytest.mark.parametrize("count", [1, 5, 60])
def test_they_are_those_of_a_comparison_of_all_pairs(
    monkeypatch: pytest.MonkeyPatch, count: int, *, with_queries: bool
) -> None:
    """In blocks that do not divide the rows, for all rows and for a process's part of them."""
    known = random_listings(40, seed=1, with_queries=with_queries)
    expected = [brute_force(known, row, count) for row in range(40)]
    monkeypatch.setattr(module, "BLOCK_SCORES", 7 * 40)
    for own in (slice(0, 40), slice(13, 29), slice(5, 5)):
        found = find_neighbours(known.image, known.text, known.matches, count, own)
        lists = [[one for one in row if one != NONE] for row in found.nearest.tolist()]
        assert lists == [rows for rows, _ in expected[own]]
        counts = [sum(one[reason] for _, one in expected[own]) for reason in REASONS]
        assert found.kept_out.tolist() == counts
    assert any(rows for rows, _ in expected)
    total = {reason: sum(one[reason] for _, one in expected) for reason in REASONS}
    assert all(total[reason] for reason in REASONS if with_queries or "query" not in reason)


@given(known=listings(), count=st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_no_neighbour_is_a_false_negative(known: Listings, count: int) -> None:
    """Never the same product, a common query, or as near as the listing's own image or text."""
    found = find_neighbours(
        known.image, known.text, known.matches, count, slice(0, len(known.image))
    )
    for row, others in enumerate(found.nearest.tolist()):
        kept = [other for other in others if other != NONE]
        assert len(set(kept)) == len(kept)
        assert row not in kept
        assert not [other for other in kept if known.reason(row, other)]


def test_blocks_bound_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No block of scores is larger than the limit, however many rows there are."""
    known = random_listings(50, seed=0, with_queries=True)
    sizes: list[int] = []
    with_all = KnownMatches.with_all

    def watched(self: KnownMatches, rows: slice) -> dict[str, np.ndarray]:
        found = with_all(self, rows)
        sizes.append(found[REASONS[0]].size)
        return found

    monkeypatch.setattr(KnownMatches, "with_all", watched)
    monkeypatch.setattr(module, "BLOCK_SCORES", 500)
    find_neighbours(known.image, known.text, known.matches, 3, slice(0, 50))
    assert sizes == [500] * 5


def test_a_single_listing_has_none() -> None:
    """Alone, it has nobody to be compared with."""
    one: Tensor = torch.eye(3)[:1]
    found = find_neighbours(one, one, KnownMatches.of(np.zeros(1, np.int64)), 4, slice(0, 1))
    assert found.nearest.tolist() == [[NONE]]
