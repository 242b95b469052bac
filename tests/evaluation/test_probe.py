"""Linear probe and zero-shot against scikit-learn, called step by step."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.preprocessing import StandardScaler

from vitrina.evaluation.aggregate import metrics_of
from vitrina.evaluation.measurement import LABEL, Metrics
from vitrina.evaluation.probe import Features, linear_probe, probe_rows, zero_shot


def embeddings(labels: np.ndarray, seed: int, signal: float) -> np.ndarray:
    """Unit vectors: a direction of their class plus noise."""
    centres = np.random.default_rng(99).standard_normal((10, 16))
    noise = np.random.default_rng(seed).standard_normal((len(labels), 16))
    vectors = signal * centres[labels] + noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def scored(labels: list[str], predicted: dict[str, np.ndarray]) -> Metrics:
    """The metrics of predicted classes."""
    return metrics_of(pd.DataFrame({LABEL: labels, **predicted}))


@pytest.fixture(scope="module")
def data() -> tuple[Features, list[str], Features, list[str]]:
    """Four classes, better separated by images than by texts."""
    rng = np.random.default_rng(0)
    parts: list[tuple[Features, list[str]]] = []
    for rows, seed in ((300, 1), (200, 2)):
        labels = rng.integers(0, 4, rows)
        features = Features(embeddings(labels, seed, 0.5), embeddings(labels, seed + 9, 1.0))
        parts.append((features, [f"класс {label}" for label in labels]))
    return (*parts[0], *parts[1])


def test_the_probe_is_a_logistic_regression_on_standardised_training_rows(
    data: tuple[Features, list[str], Features, list[str]],
) -> None:
    """Accuracy and both F1 equal those of scikit-learn's parts, called one by one."""
    train, train_labels, test, test_labels = data
    scores = scored(test_labels, linear_probe(train, train_labels, test))
    for kind in ("text", "image", "both"):
        scaler = StandardScaler().fit(train.kinds()[kind])
        model = LogisticRegression(C=0.1, max_iter=1_000)
        model.fit(scaler.transform(train.kinds()[kind]), train_labels)
        predicted = model.predict(scaler.transform(test.kinds()[kind]))
        assert scores[f"probe_{kind}_accuracy"] == pytest.approx(
            np.mean(predicted == np.array(test_labels))
        )
        for average in ("macro", "weighted"):
            expected = f1_score(test_labels, predicted, average=average)
            assert scores[f"probe_{kind}_{average}_f1"] == pytest.approx(expected)


def test_a_probe_learns_more_from_better_embeddings(
    data: tuple[Features, list[str], Features, list[str]],
) -> None:
    """Images score higher than texts, both together at least as high, all above chance."""
    train, train_labels, test, test_labels = data
    scores = scored(test_labels, linear_probe(train, train_labels, test))
    text, image, both = (scores[f"probe_{kind}_accuracy"] for kind in ("text", "image", "both"))
    assert 0.4 < text < image <= both + 0.02


def test_rare_classes_and_missing_labels_are_left_out_and_counted() -> None:
    """A class with two training rows is dropped, and its test rows are counted as dropped."""
    train = ["а"] * 5 + ["б"] * 4 + ["в"] * 2 + ["", ""]
    test = ["а", "б", "в", "", "г"]
    rows = probe_rows(train, test)
    assert rows.train.tolist() == [True] * 9 + [False] * 4
    assert rows.test.tolist() == [True, True, False, False, False]
    assert rows.counts == {
        "probe_classes": 2,
        "probe_classes_dropped": 2,
        "probe_train_rows": 9,
        "probe_test_rows": 2,
        "probe_test_rows_dropped": 3,
    }
    assert rows.enough


@pytest.mark.parametrize(
    ("train", "test"),
    [(["а"] * 9, ["а"]), (["а"] * 9 + ["б"], ["б"]), (["а", "б"] * 5, ["в"]), ([], [])],
)
def test_too_few_labels_are_not_enough_for_a_probe(train: list[str], test: list[str]) -> None:
    """A probe needs two classes and a row to test on."""
    assert not probe_rows(train, test).enough


def test_zero_shot_takes_the_nearest_class_name() -> None:
    """Accuracy counts the images whose nearest name is theirs."""
    names = np.eye(3, 8, dtype=np.float32)
    predicted = zero_shot(names[[0, 1, 2, 0]], names, ["дом", "обувь", "посуда"])
    assert predicted.tolist() == ["дом", "обувь", "посуда", "дом"]
    scores = scored(["дом", "обувь", "дом", "дом"], {"zero_shot": predicted})
    assert scores["zero_shot_accuracy"] == pytest.approx(3 / 4)
    expected = f1_score([0, 1, 0, 0], [0, 1, 2, 0], average="macro", zero_division=0)
    assert scores["zero_shot_macro_f1"] == pytest.approx(expected)
