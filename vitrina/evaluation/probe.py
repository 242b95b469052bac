"""What embeddings know of categories: a linear probe, and zero-shot by the categories' names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MIN_TRAINING_ROWS = 3  # of a class with fewer a probe learns the rows, not the class
MAX_ITERATIONS = 1_000
C = 0.1  # regularised more than by default: embeddings can have more dimensions than rows


@dataclass(frozen=True)
class Features:
    """Embeddings of the same listings: ``text`` and ``image`` float32 (rows, dim)."""

    text: np.ndarray
    image: np.ndarray

    def kinds(self) -> dict[str, np.ndarray]:
        """What a probe is trained on: each embedding, and both side by side."""
        both = np.concatenate([self.text, self.image], axis=1)
        return {"text": self.text, "image": self.image, "both": both}


@dataclass(frozen=True)
class ProbeRows:
    """Which rows a probe learns from and is tested on, bool (rows,), and what was left out."""

    train: np.ndarray
    test: np.ndarray
    counts: dict[str, int]

    @property
    def enough(self) -> bool:
        """Whether there are two classes to tell apart and something to test on."""
        return self.counts["probe_classes"] >= 2 and self.counts["probe_test_rows"] > 0


def probe_rows(train_labels: Sequence[str], test_labels: Sequence[str]) -> ProbeRows:
    """The rows whose class occurs at least three times in training; an empty label is no class."""
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
) -> dict[str, float]:
    """Accuracy, macro and weighted F1 of logistic regressions on text, image and both.

    Features are standardised on the training rows. Keys:
    ``probe_{text,image,both}_{accuracy,macro_f1,weighted_f1}``. F1 is over the classes that the
    tested rows have or are given.
    """
    scores: dict[str, float] = {}
    tested = test.kinds()
    for kind, features in train.kinds().items():
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=MAX_ITERATIONS))
        probe.fit(features, list(train_labels))
        named = _scores(list(test_labels), probe.predict(tested[kind]))
        scores |= {f"probe_{kind}_{name}": value for name, value in named.items()}
    return scores


def zero_shot(
    image: np.ndarray, class_text: np.ndarray, classes: Sequence[str], labels: Sequence[str]
) -> dict[str, float]:
    """How often the nearest class name of an image is its class; a row without label is left out.

    ``image`` float32 (rows, dim) and ``class_text`` float32 (classes, dim), unit length. Keys:
    ``zero_shot_{accuracy,macro_f1,weighted_f1}``.
    """
    labelled = [row for row, label in enumerate(labels) if label]
    nearest = np.argmax(image[labelled] @ class_text.T, axis=1)
    named = _scores([labels[row] for row in labelled], [classes[one] for one in nearest])
    return {f"zero_shot_{name}": value for name, value in named.items()}


def _scores(labels: Sequence[str], found: Sequence[str]) -> dict[str, float]:
    return {
        "accuracy": float(accuracy_score(labels, found)),
        "macro_f1": float(f1_score(labels, found, average="macro", zero_division=0)),
        "weighted_f1": float(f1_score(labels, found, average="weighted", zero_division=0)),
    }
