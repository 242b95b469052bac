"""The least cosine for a precision."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vitrina.duplicates.threshold import Judged, least_cosine

PAIRS = st.lists(
    st.tuples(st.integers(0, 9), st.booleans(), st.sampled_from([0.0, 1.0, 2.0])), max_size=30
)


def judged(pairs: list[tuple[int, bool, float]]) -> Judged:
    """Pairs given as cosine in tenths, right or not, weight."""
    cosine = np.array([one[0] / 10 for one in pairs], np.float32)
    return Judged(
        cosine,
        np.array([one[1] for one in pairs], np.bool_),
        np.array([one[2] for one in pairs]),
        np.arange(len(pairs)),
    )


@given(PAIRS, st.floats(0.1, 1), st.sampled_from([0.0, 3.0]))
def test_no_lower_cosine_is_as_precise(
    pairs: list[tuple[int, bool, float]], precision: float, sure: float
) -> None:
    """As trying every cosine gives it; pairs without weight do not count."""

    def is_enough(least: np.float32) -> bool:
        counted = [one for one in pairs if np.float32(one[0] / 10) >= least]
        right = sure + sum(one[2] for one in counted if one[1])
        return right >= precision * (sure + sum(one[2] for one in counted)) - 1e-9

    tried = {np.float32(one[0] / 10) for one in pairs if one[2]}
    expected = min((float(one) for one in tried if is_enough(one)), default=None)
    assert least_cosine(judged(pairs), precision, sure) == expected


def test_products_are_counted_not_pairs() -> None:
    """Ten pairs of one product are one observation."""
    pairs = judged([(5, True, 1.0)] * 10)
    assert pairs.products == 10
    one = Judged(pairs.cosine, pairs.right, pairs.weight, np.zeros(10, np.int64))
    assert Judged.joined(one, one[one.weight == 0]).products == 1
