"""The learning rate by step."""

import math

import numpy as np
import pytest

from vitrina.training.schedule import learning_rate


def test_rate_rises_to_its_peak_and_falls_to_zero_as_a_cosine() -> None:
    """The schedule equals its formula, starts above zero and ends just above zero."""
    rates = [learning_rate(step, 100, 0.1, 2.0) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    assert rates[10] == pytest.approx(2.0)
    assert rates[55] == pytest.approx(2.0 * 0.5 * (1 + math.cos(math.pi * 0.5)))
    assert np.all(np.diff(rates[10:]) < 0)
    assert 0 < rates[-1] < 0.01


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_rate_is_never_zero_in_the_shortest_trainings(steps: int) -> None:
    """A training of a step or two learns in each of them."""
    assert all(learning_rate(step, steps, 0.1, 1.0) > 0 for step in range(steps))
