"""Predictions of each row by a model that has not seen its product.

The products are dealt into five folds; a model for each fold is trained on the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.pipeline import Pipeline

from vitrina.classification.features import ListingFeatures
from vitrina.embedding.vector_file import RowNumbers
from vitrina.evaluation.probe import new_probe
from vitrina.execution.progress import OnProgress, no_progress

Codes = npt.NDArray[np.int32]
Logits = npt.NDArray[np.float32]

FOLDS = 5
CHUNK = 4_096  # rows whose features are in memory at a time
IMPOSSIBLE = -1e4  # the logit of a class that a model has not seen


@dataclass(frozen=True)
class Training:
    """Labelled rows: their features, classes (rows of the table,) and products (the same)."""

    features: ListingFeatures
    codes: Codes
    product: npt.NDArray[np.int64]
    classes: int
    max_rows: int

    def fit(self, rows: RowNumbers) -> Pipeline:
        """A probe trained on these rows, or on ``max_rows`` of them."""
        chosen, weights = drawn(rows, self.codes, self.max_rows)
        weighted = {"logisticregression__sample_weight": weights}
        return new_probe().fit(self.features.read(chosen), self.codes[chosen], **weighted)

    def logits(self, probe: Pipeline, rows: RowNumbers) -> Logits:
        """The probe's logits of all classes, float32 (rows, classes)."""
        logits = np.full((len(rows), self.classes), IMPOSSIBLE, np.float32)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            scores = probe.decision_function(self.features.read(part))
            if scores.ndim == 1:  # of two classes: the logit of the second
                scores = np.stack([np.zeros_like(scores), scores], axis=1)
            logits[start : start + CHUNK, probe.classes_] = scores
        return logits


@dataclass(frozen=True)
class CrossFit:
    """A model for each fold, and the fold of each row of the table."""

    training: Training
    probes: Sequence[Pipeline]
    fold: npt.NDArray[np.int64]

    def logits(self, rows: RowNumbers) -> Logits:
        """The logits of rows by the models that have not seen their products."""
        logits = np.empty((len(rows), self.training.classes), np.float32)
        for number, probe in enumerate(self.probes):
            inside = np.flatnonzero(self.fold[rows] == number)
            logits[inside] = self.training.logits(probe, rows[inside])
        return logits


def cross_fit(
    training: Training, labelled: RowNumbers, progress: OnProgress = no_progress
) -> CrossFit:
    """Train a model for each fold of the products, on the labelled rows of the other folds."""
    fold = folds(training.product, training.codes)
    probes = []
    for number in range(FOLDS):
        probes.append(training.fit(labelled[fold[labelled] != number]))
        progress(number + 1, FOLDS)
    return CrossFit(training, probes, fold)


def folds(product: npt.NDArray[np.int64], codes: Codes) -> npt.NDArray[np.int64]:
    """The fold of each row, equal for the rows of a product, int64 (rows,).

    The products of each class are dealt out in turn, so that a class with as many products as there
    are folds is in all of them.
    """
    _, first, position = np.unique(product, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(0).permutation(len(first))
    order = shuffled[np.argsort(codes[first[shuffled]], kind="stable")]
    fold = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % FOLDS
    return fold[position]


def drawn(
    rows: RowNumbers, codes: Codes, max_rows: int
) -> tuple[RowNumbers, npt.NDArray[np.float64]]:
    """At most about ``max_rows`` of the rows, and a weight for each.

    All rows of rare classes are drawn, and equally many of each frequent one. The weights give each
    class the share that it has among all rows, so that probabilities stay right.
    """
    _, position, count = np.unique(codes[rows], return_inverse=True, return_counts=True)
    limit = _limit(count, max_rows)
    order = np.random.default_rng(0).permutation(len(rows))
    order = order[np.argsort(position[order], kind="stable")]
    starts = np.cumsum(count) - count
    rank = np.arange(len(rows)) - np.repeat(starts, count)
    chosen = np.sort(order[rank < limit])
    weight = (count / np.minimum(count, limit))[position[chosen]]
    return rows[chosen], weight / weight.mean()


def _limit(count: npt.NDArray[np.int64], total: int) -> int:
    """The most rows of a class so that all classes have at most ``total``; at least one."""
    ascending = np.sort(count)
    for index, size in enumerate(ascending):
        share = (total - ascending[:index].sum()) // (len(ascending) - index)
        if share < size:
            return max(1, int(share))
    return int(ascending[-1])
