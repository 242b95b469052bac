"""How well embeddings tell categories apart: a linear probe, and zero-shot by category names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

MIN_TRAINING_ROWS = 3  # per class; with fewer, a probe memorises the rows
MAX_ITERATIONS = 1_000
C = 0.1  # more regularisation than the default 1: embeddings can have more dimensions than rows


@dataclass(frozen=True)
class Features:
    """Embeddings of the same listings: ``text`` and ``image`` float32 (rows, dim)."""

    text: np.ndarray
    image: np.ndarray

    def kinds(self) -> dict[str, np.ndarray]:
        """The inputs of the probes: each embedding alone, and both concatenated."""
        both = np.concatenate([self.text, self.image], axis=1)
        return {"text": self.text, "image": self.image, "both": both}


@dataclass(frozen=True)
class ProbeRows:
    """Masks of the rows that a probe is trained and tested on, bool (rows,), and their counts."""

    train: np.ndarray
    test: np.ndarray
    counts: dict[str, int]

    @property
    def enough(self) -> bool:
        """Whether there are at least two classes, and rows to test on."""
        return self.counts["probe_classes"] >= 2 and self.counts["probe_test_rows"] > 0


def probe_rows(train_labels: Sequence[str], test_labels: Sequence[str]) -> ProbeRows:
    """The rows whose class has at least three training rows; an empty label is no class."""
    train, test = np.array(train_labels, dtype=object), np.array(test_labels, dtype=object)
    names, sizes = np.unique(train[train != ""], return_counts=True)
    common = names[sizes >= MIN_TRAINING_ROWS]
    in_train, in_test = np.isin(train, common), np.isin(test, common)
    classes = np.unique(np.concatenate([train, test]))
    counts = {
        "probe_classes": len(common),
        "probe_classes_dropped": int(np.sum(classes != "")) - len(common),
        "probe_train_rows": int(in_train.sum()),
        "probe_test_rows": int(in_test.sum()),
        "probe_test_rows_dropped": int((~in_test).sum()),
    }
    return ProbeRows(in_train, in_test, counts)


def new_probe() -> Pipeline:
    """A logistic regression on features standardised by its training rows, not trained yet."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=MAX_ITERATIONS))


def linear_probe(
    train: Features, train_labels: Sequence[str], test: Features
) -> dict[str, np.ndarray]:
    """The classes that logistic regressions on text, image and both give the test rows.

    Features are standardised with the mean and deviation of the training rows. Keys:
    ``probe_{text,image,both}``; values str (test rows,).
    """
    predicted = {}
    test_features = test.kinds()
    for kind, features in train.kinds().items():
        probe = new_probe().fit(features, list(train_labels))
        predicted[f"probe_{kind}"] = np.asarray(probe.predict(test_features[kind]), object)
    return predicted


def zero_shot(image: np.ndarray, class_text: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """The class whose name is nearest to each image, str (rows,).

    ``image`` float32 (rows, dim) and ``class_text`` float32 (classes, dim), of unit length.
    """
    nearest: np.ndarray = np.array(classes, object)[np.argmax(image @ class_text.T, axis=1)]
    return nearest
