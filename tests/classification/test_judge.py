"""How good a classifier is said to be."""

import numpy as np
import pytest

from tests.support.classified_listings import ClassifiedListings, classified_listings
from vitrina.classification.judge import judge_classifier
from vitrina.classification.predict import train_classifier
from vitrina.config.classification import ClassifierConfig
from vitrina.config.training import SplitConfig

SPLIT = SplitConfig(validation_fraction=0.1, test_fraction=0.2, seed=0)
CONFIG = ClassifierConfig()


def test_held_out_products_judge(listings: ClassifiedListings) -> None:
    """Accuracy with an interval, macro F1, and errors of the probabilities before and after."""
    judged = train_classifier(listings.table, listings.npz, SPLIT, CONFIG).judged
    assert judged.basis == "held-out"
    assert 150 < judged.products < judged.rows
    metrics = judged.metrics
    assert metrics["accuracy_low"] < metrics["accuracy"] < metrics["accuracy_high"]
    assert metrics["macro_f1"] == pytest.approx(metrics["accuracy"], abs=0.05)
    assert {
        f"{name}_{when}" for name in ("ece", "brier", "log_loss") for when in ("before", "after")
    } < set(metrics)


def test_the_accuracy_is_that_of_new_listings(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Within its interval, over several catalogues; twins would make it too high if they leaked."""
    inside = 0
    for seed in range(8):
        made = classified_listings(tmp_path_factory.mktemp("seed"), 600, seed=seed)
        classifier = train_classifier(made.table, made.npz, SPLIT, CONFIG)
        rows = classifier.labels.without
        (predictions,) = classifier.predict(classifier.final(), rows)
        names = np.array(["=Дом", "Обувь", "Одежда", "Посуда"])
        order = np.array(["Одежда", "Посуда", "=Дом", "Обувь"])
        true = (names[predictions.first] == order[made.truth[rows]]).mean()
        metrics = classifier.judged.metrics
        inside += metrics["accuracy_low"] - 0.07 <= true <= metrics["accuracy_high"] + 0.07
    assert inside >= 7


def test_probabilities_are_better_after_calibration(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Where a model of few rows is too sure of itself."""
    made = classified_listings(tmp_path_factory.mktemp("few"), 700, noise=4)
    config = CONFIG.model_copy(update={"max_rows": 100})
    metrics = train_classifier(made.table, made.npz, SPLIT, config).judged.metrics
    for name in ("ece", "log_loss"):
        assert metrics[f"{name}_after"] < metrics[f"{name}_before"], name


def test_all_products_judge_where_few_are_held_out(listings: ClassifiedListings) -> None:
    """And it is said."""
    classifier = train_classifier(listings.table, listings.npz, SPLIT, CONFIG)
    nothing = np.zeros(1_200, np.bool_)
    judged = judge_classifier(classifier.fitted, classifier.labels.labelled, nothing)
    assert judged.basis == "all"
    assert judged.rows == len(classifier.labels.labelled)
