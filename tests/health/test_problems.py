"""What is usual, and findings in order."""

import numpy as np
import pytest

from vitrina.health.problems import Findings, Problem, alone, robust_z


def test_outliers_do_not_widen_what_is_usual() -> None:
    """A tenth of wild values leaves the others' deviations as they are."""
    rng = np.random.default_rng(0)
    values = 3 + 2 * rng.standard_normal(2_000)
    values[::10] += 1_000
    z = robust_z(values, np.zeros(2_000, np.int64))
    assert z[1::10].std() == pytest.approx(1, abs=0.2)
    assert (z[::10] > 100).all()


def test_each_group_has_its_own_usual_and_small_ones_the_next() -> None:
    """A group of fewer than fifty rows, or of equal values, is no measure."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal(330)
    narrow = np.repeat([0, 1, 2], [200, 100, 30])
    values[narrow == 1] += 50
    wide = np.zeros(330, np.int64)
    z = robust_z(values, narrow, wide)
    assert np.abs(z[narrow < 2]).max() < 5
    expected = robust_z(values, wide)[narrow == 2]
    np.testing.assert_array_equal(z[narrow == 2], expected)
    assert (robust_z(np.ones(100), np.zeros(100, np.int64)) == 0).all()
    assert (robust_z(values[:20], np.zeros(20, np.int64)) == 0).all()
    assert len(robust_z(values[:0], wide[:0])) == 0


def test_the_worst_comes_first() -> None:
    """Reasons and others stay with their rows."""
    rows = np.array([7, 5, 6])
    found = Findings.of(Problem.MISMATCH, rows, np.array([1.0, 3, 3]), ["a", "b", "c"], alone(rows))
    assert found.row.tolist() == [5, 6, 7]
    assert found.reason == ["b", "c", "a"]
