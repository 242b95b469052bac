"""Models for each fold of the products."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.classified_listings import ClassifiedListings
from vitrina.classification.cross_fit import FOLDS, Training, cross_fit, drawn, folds
from vitrina.classification.features import ListingFeatures
from vitrina.classification.labels import Labels, read_labels
from vitrina.config.classification import FeatureKind
from vitrina.embedding.vector_file import VectorFile


@pytest.fixture(scope="module")
def labels(listings: ClassifiedListings) -> Labels:
    """The classes of the listings."""
    return read_labels(listings.table, "category", listings.keys.groups(), 5)


def training(
    listings: ClassifiedListings, labels: Labels, kind: FeatureKind = "both", max_rows: int = 500
) -> Training:
    """The listings as rows to train on."""
    features = ListingFeatures(VectorFile.open(listings.npz), kind)
    product = listings.keys.groups()
    return Training(features, labels.codes, product, len(labels.names), max_rows)


def accuracy(labels: Labels, logits: np.ndarray, rows: np.ndarray) -> float:
    """The share of rows whose class has the highest logit."""
    return float((logits.argmax(axis=1) == labels.codes[rows]).mean())


def test_a_row_is_predicted_by_a_model_that_has_not_seen_its_product(
    listings: ClassifiedListings, labels: Labels
) -> None:
    """A class that one product alone decides is learned by the other folds only."""
    given_training = training(listings, labels)
    fitted = cross_fit(given_training, labels.labelled)
    product = given_training.product
    for number in range(FOLDS):
        inside = set(product[fitted.fold == number])
        assert inside.isdisjoint(product[fitted.fold != number])
    rows = labels.labelled
    logits = fitted.logits(rows)
    for number in range(FOLDS):
        part = fitted.fold[rows] == number
        expected = given_training.logits(fitted.probes[number], rows[part])
        np.testing.assert_array_equal(logits[part], expected)


def test_both_kinds_of_vectors_tell_more_than_one(
    listings: ClassifiedListings, labels: Labels
) -> None:
    """Texts tell half of the classes apart, images the other half."""
    found = {}
    for kind in ("text", "image", "both"):
        fitted = cross_fit(training(listings, labels, kind), labels.labelled)
        found[kind] = accuracy(labels, fitted.logits(labels.labelled), labels.labelled)
    assert found["both"] > max(found["text"], found["image"]) + 0.2
    assert 0.25 < found["text"] < 0.6


def test_two_classes_have_two_logits(listings: ClassifiedListings, labels: Labels) -> None:
    """scikit-learn gives one; a class that a model has not seen is next to impossible."""
    given_training = training(listings, labels)
    rows = labels.labelled[np.isin(labels.codes[labels.labelled], (1, 3))]
    logits = given_training.logits(given_training.fit(rows), rows)
    assert set(logits.argmax(axis=1)) == {1, 3}
    assert (logits[:, [0, 2]] < -1_000).all()
    assert accuracy(labels, logits, rows) > 0.8


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-1, 3)), min_size=1, max_size=80))
def test_each_class_is_in_every_fold(rows: list[tuple[int, int]]) -> None:
    """If it has as many products as there are folds; products are whole."""
    class_of = dict(rows)
    product = np.array([one for one, _ in rows])
    codes = np.array([class_of[one] for one, _ in rows], np.int32)
    found = folds(product, codes)
    for one in np.unique(product):
        assert len(set(found[product == one])) == 1
    for code in np.unique(codes):
        if len(np.unique(product[codes == code])) >= FOLDS:
            assert len(set(found[codes == code])) == FOLDS


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(10, 100))
def test_rare_classes_are_drawn_whole_and_weights_keep_the_shares(
    counts: list[int], most: int
) -> None:
    """Each class has the weight of its rows; no more rows than wanted, if that is possible."""
    codes = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    rows = np.arange(len(codes)) * 2
    chosen, weights = drawn(rows, np.repeat(codes, 2), most)
    assert len(chosen) <= max(most, len(counts))
    assert len(np.unique(chosen)) == len(chosen)
    own = codes[chosen // 2]
    shares = np.bincount(own, weights, len(counts)) / weights.sum()
    np.testing.assert_allclose(shares, np.array(counts) / len(codes))
    drawn_counts = np.bincount(own, minlength=len(counts))
    limit = drawn_counts.max()
    assert all(number in (count, limit) for number, count in zip(drawn_counts, counts, strict=True))
