"""How good a classifier is, and how its probabilities are calibrated."""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import f1_score

from vitrina.catalog.split import sampled
from vitrina.classification.calibration import calibration_metrics, probabilities, temperature
from vitrina.classification.cross_fit import CrossFit
from vitrina.embedding.vector_file import RowNumbers
from vitrina.evaluation.measurement import Metrics
from vitrina.evaluation.shares import wilson_interval

MIN_PRODUCTS = 30  # held out, with a class; fewer say too little
MAX_ROWS = 20_000


class ClassifierMetrics(NamedTuple):
    """Metrics of rows that were predicted by models that have not seen their products."""

    metrics: Metrics
    rows: int
    products: int
    basis: Literal["held-out", "all"]
    temperature: float  # for all predictions


def judge_classifier(
    fitted: CrossFit, labelled: RowNumbers, held_out: npt.NDArray[np.bool_]
) -> ClassifierMetrics:
    """Accuracy, macro F1 and calibration on held-out products, or on all if those are too few.

    ``held_out`` bool (rows of the table,): the embedding model was not trained on these. The
    probabilities after calibration are at a temperature that was found on other products.
    """
    product, codes = fitted.training.product, fitted.training.codes
    basis: Literal["held-out", "all"] = "held-out"
    rows = labelled[held_out[labelled]]
    if len(np.unique(product[rows])) < MIN_PRODUCTS:
        rows, basis = labelled, "all"
    rows = sampled(rows, MAX_ROWS, 0)
    logits, truth = fitted.logits(rows), codes[rows]
    halves = fitted.fold[rows] % 2  # by product, as the folds are
    scale = np.ones((len(rows), 1), np.float32)
    for half in range(2):
        scale[halves == half] = temperature(logits[halves != half], truth[halves != half])
    predicted = logits.argmax(axis=1)
    accuracy = float(np.mean(predicted == truth))
    products = len(np.unique(product[rows]))
    low, high = wilson_interval(accuracy, products)
    before = calibration_metrics(probabilities(logits, 1), truth)
    after = calibration_metrics(probabilities(logits, scale), truth)
    metrics = {
        "accuracy": accuracy,
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1": float(f1_score(truth, predicted, average="macro", zero_division=0)),
        **{f"{name}_before": value for name, value in before.items()},
        **{f"{name}_after": value for name, value in after.items()},
    }
    return ClassifierMetrics(
        metrics,
        len(rows),
        products,
        basis,
        temperature(logits, truth),
    )
