"""What is known of listings that belong together, and how near a negative may be."""

import numpy as np
import torch

from vitrina.catalog.queries.query_pairs import QueryPairs
from vitrina.training.hard_negatives.false_negatives import (
    COMMON_QUERY,
    SAME_PRODUCT,
    KnownMatches,
    highest_scores,
)

PRODUCTS = np.array([70, 50, 70, 20, 90])
# The first query was chosen for row 2, whose product row 0 is of too, and for row 3.
PAIRS = QueryPairs(
    ["чашка", "лампа"], np.array([0, 0, 1]), np.array([2, 3, 1]), np.array([1.0, 2.0, 1.0])
)
ALL = slice(0, 5)


def test_a_query_joins_all_listings_of_the_products_chosen_for_it() -> None:
    """Also those that were never clicked themselves, and nobody else."""
    matches = KnownMatches.of(PRODUCTS, PAIRS).with_all(ALL)
    same = np.eye(5, dtype=bool)
    same[0, 2] = same[2, 0] = True
    assert np.array_equal(matches[SAME_PRODUCT], same)
    common = np.zeros((5, 5), bool)
    common[np.ix_([0, 2, 3], [0, 2, 3])] = True
    common[1, 1] = True
    assert np.array_equal(matches[COMMON_QUERY], common)


def test_a_sample_of_the_rows_keeps_its_matches() -> None:
    """Rows that are numbered anew match as before, in any slice of them."""
    whole = KnownMatches.of(PRODUCTS, PAIRS)
    rows = np.array([0, 1, 3])
    part = whole.part(rows).with_all(slice(1, 3))
    for reason, mask in whole.with_all(ALL).items():
        assert np.array_equal(part[reason], mask[np.ix_(rows[1:], rows)])


def test_without_queries_only_products_match() -> None:
    """There is no reason that nobody gave."""
    assert set(KnownMatches.of(PRODUCTS).with_all(ALL)) == {SAME_PRODUCT}


def test_a_negative_is_further_than_a_share_of_the_positive() -> None:
    """0.95 of the positive's score; below 0 the same distance, not a nearer one."""
    found = highest_scores(torch.tensor([1.0, 0.4, 0.0, -0.4]))
    torch.testing.assert_close(found, torch.tensor([0.95, 0.38, 0.0, -0.42]))
