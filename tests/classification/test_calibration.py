"""Temperature scaling, and how far probabilities are off."""

import numpy as np
import pytest

from vitrina.classification.calibration import calibration_metrics, probabilities, temperature


def drawn(rows: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are ``sharpness`` times too large, and classes drawn by the right ones."""
    rng = np.random.default_rng(0)
    right = rng.standard_normal((rows, 4)) * 2
    chance = probabilities(right, 1)
    codes = (rng.random((rows, 1)) > chance.cumsum(axis=1)).sum(axis=1)
    return right * sharpness, codes.astype(np.int32)


@pytest.mark.parametrize("sharpness", [0.3, 1, 4])
def test_the_temperature_is_found(sharpness: float) -> None:
    """Whether logits are too large or too small; probabilities are then right."""
    logits, codes = drawn(20_000, sharpness)
    found = temperature(logits, codes)
    assert found == pytest.approx(sharpness, rel=0.05)
    metrics = calibration_metrics(probabilities(logits, found), codes)
    assert metrics["ece"] < 0.02
    if sharpness != 1:
        before = calibration_metrics(probabilities(logits, 1), codes)
        assert all(metrics[name] < before[name] for name in metrics)


def test_no_rows_leave_probabilities_as_they_are() -> None:
    """And a logit of minus infinity, nearly, is no error."""
    assert temperature(np.zeros((0, 3)), np.zeros(0, np.int32)) == 1
    logits = np.array([[1.0, 2, -1e4], [2, 1, -1e4]])
    assert np.isfinite(probabilities(logits, temperature(logits, np.array([1, 0])))).all()


def test_metrics_are_those_of_the_textbook() -> None:
    """Two rows, one wrong: Brier and the loss by hand."""
    probability = np.array([[0.8, 0.2], [0.6, 0.4]])
    metrics = calibration_metrics(probability, np.array([0, 1]))
    assert metrics["brier"] == pytest.approx((2 * 0.2**2 + 2 * 0.6**2) / 2)
    assert metrics["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.4)) / 2)
    assert metrics["ece"] == pytest.approx((0.2 + 0.6) / 2)
