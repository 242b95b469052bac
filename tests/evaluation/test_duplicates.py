"""Duplicate detection against scikit-learn on all pairs."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from tests.support.vectors import random_pairs
from vitrina.evaluation.duplicates import duplicate_figures, duplicate_pr_auc


def test_duplicates_are_scored_as_sklearn_scores_all_pairs() -> None:
    """The PR-AUC is scikit-learn's average precision over every pair of rows."""
    vectors, _ = random_pairs(80, 12, seed=6)
    group = np.random.default_rng(1).integers(0, 30, 80)
    one, other = np.triu_indices(80, k=1)
    expected = average_precision_score(
        group[one] == group[other], np.einsum("nd,nd->n", vectors[one], vectors[other])
    )
    assert duplicate_pr_auc(vectors, group) == pytest.approx(expected)


def test_ties_share_their_precision() -> None:
    """Pairs of equal cosines count as scikit-learn counts them: all at once."""
    vectors = np.eye(3, dtype=np.float32)[np.random.default_rng(0).integers(0, 3, 40)]
    group = np.random.default_rng(1).integers(0, 15, 40)
    one, other = np.triu_indices(40, k=1)
    expected = average_precision_score(
        group[one] == group[other], np.einsum("nd,nd->n", vectors[one], vectors[other])
    )
    assert duplicate_pr_auc(vectors, group) == pytest.approx(expected)


def test_a_listing_without_duplicates_has_no_precision() -> None:
    """Its count is 0 and its precision missing; the others' tell which duplicates are found."""
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    figures = duplicate_figures({"text": vectors}, np.array([7, 7, 8, 8]), max_rows=4)
    assert figures["duplicates"].tolist() == [1, 1, 1, 1]
    assert figures["duplicate_pr_auc_text"].tolist() == [1, 1, pytest.approx(2 / 6), 2 / 6]
    alone = duplicate_figures({"text": vectors}, np.arange(4), max_rows=4)
    assert alone["duplicate_pr_auc_text"].isna().all()


def test_duplicates_of_a_large_table_are_scored_on_whole_groups() -> None:
    """A cap on rows keeps pairs together: twins of equal vectors still score 1."""
    base, _ = random_pairs(500, 32, seed=7)
    twins = np.repeat(base, 2, axis=0)
    assert duplicate_pr_auc(twins, np.repeat(np.arange(500), 2), max_rows=100) == pytest.approx(1)


def test_a_table_without_duplicates_has_no_duplicate_metric() -> None:
    """With nothing to find the metric is missing, not 0 or 1."""
    vectors, _ = random_pairs(10, 8, seed=0)
    assert duplicate_pr_auc(vectors, np.arange(10)) is None
