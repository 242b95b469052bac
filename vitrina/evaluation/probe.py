"""How well embeddings tell categories apart: a linear probe, and zero-shot by category names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vitrina.evaluation.measurement import Metrics

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


def linear_probe(
    train: Features, train_labels: Sequence[str], test: Features, test_labels: Sequence[str]
) -> Metrics:
    """Accuracy, macro and weighted F1 of logistic regressions on text, image and both.

    Features are standardised with the mean and deviation of the training rows. Keys:
    ``probe_{text,image,both}_{accuracy,macro_f1,weighted_f1}``. F1 averages over the classes that
    occur among the test labels or the predictions.
    """
    scores: Metrics = {}
    test_features = test.kinds()
    for kind, features in train.kinds().items():
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=MAX_ITERATIONS))
        probe.fit(features, list(train_labels))
        of_kind = _scores(list(test_labels), probe.predict(test_features[kind]))
        scores |= {f"probe_{kind}_{name}": value for name, value in of_kind.items()}
    return scores


def zero_shot(
    image: np.ndarray, class_text: np.ndarray, classes: Sequence[str], labels: Sequence[str]
) -> Metrics:
    """Accuracy and F1 of giving each image the class whose name is nearest to it.

    ``image`` float32 (rows, dim) and ``class_text`` float32 (classes, dim), of unit length. Rows
    with an empty label are left out. Keys: ``zero_shot_{accuracy,macro_f1,weighted_f1}``.
    """
    labelled = [row for row, label in enumerate(labels) if label]
    nearest = np.argmax(image[labelled] @ class_text.T, axis=1)
    scores = _scores([labels[row] for row in labelled], [classes[index] for index in nearest])
    return {f"zero_shot_{name}": value for name, value in scores.items()}


def _scores(labels: Sequence[str], predicted: Sequence[str]) -> Metrics:
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "macro_f1": float(f1_score(labels, predicted, average="macro", zero_division=0)),
        "weighted_f1": float(f1_score(labels, predicted, average="weighted", zero_division=0)),
    }
