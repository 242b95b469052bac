"""Probabilities that mean what they say: temperature scaling, and how far off they are.

After Guo et al., "On Calibration of Modern Neural Networks" (2017): logits are divided by one
number, which changes no prediction, only how sure it is.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]  # ships no types
from scipy.special import log_softmax, softmax  # type: ignore[import-untyped]  # the same

from vitrina.evaluation.measurement import Metrics

Floats = npt.NDArray[np.floating]
Codes = npt.NDArray[np.int32]

BINS = 15  # of equally many rows
LOG_RANGE = (-3.0, 3.0)  # of the temperature: 0.05 to 20


def temperature(logits: Floats, codes: Codes) -> float:
    """The temperature that makes the classes ``codes`` (rows,) most likely.

    ``logits`` (rows, classes). 1 without rows.
    """
    if not len(logits):
        return 1.0

    def loss(log_temperature: float) -> float:
        likely = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-likely[np.arange(len(codes)), codes].mean())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_RANGE, method="bounded").x))


def probabilities(logits: Floats, temperature: float | Floats) -> Floats:
    """Softmax of the logits at a temperature, or at one for each row (rows, 1)."""
    scaled: Floats = softmax(logits / temperature, axis=1)
    return scaled


def calibration_metrics(probability: Floats, codes: Codes) -> Metrics:
    """``ece``, ``brier`` and ``log_loss`` of probabilities (rows, classes).

    ``ece`` is the expected calibration error: the mean difference of the probability of the
    predicted class and the share of right predictions, in 15 bins of equally many rows. ``brier``
    is the mean squared difference from the truth, summed over classes (0 to 2).
    """
    truth = np.zeros_like(probability)
    truth[np.arange(len(codes)), codes] = 1
    sure, right = probability.max(axis=1), probability.argmax(axis=1) == codes
    order = np.argsort(sure, kind="stable")
    bins = np.array_split(order, min(BINS, len(order)))
    gaps = [abs(sure[rows].mean() - right[rows].mean()) * len(rows) for rows in bins]
    own = probability[np.arange(len(codes)), codes]
    return {
        "ece": float(sum(gaps) / len(codes)),
        "brier": float(((probability - truth) ** 2).sum(axis=1).mean()),
        "log_loss": float(-np.log(np.maximum(own, 1e-12)).mean()),
    }
