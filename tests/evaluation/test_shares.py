"""The interval of a share."""

import pytest

from vitrina.evaluation.shares import wilson_interval


def test_the_interval_is_wilsons() -> None:
    """As published: 81 of 263 gives 0.2553 to 0.3662 (Newcombe 1998, his first example)."""
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    low, high = wilson_interval(1, 20)
    assert high == pytest.approx(1)
    assert low == pytest.approx(0.8389, abs=1e-4)
