"""Resamples of products, and intervals that cover what they should."""

import numpy as np
import pytest

from vitrina.evaluation.bootstrap import percentile_interval, product_weights


def all_weights(products: np.ndarray, replicates: int) -> np.ndarray:
    return np.concatenate(list(product_weights(products, replicates)))


def test_listings_of_a_product_are_drawn_together() -> None:
    """Each replicate draws as many products as there are; equal labels have equal weights."""
    products = np.array([7, 3, 7, 9, 3, 4])
    weights = all_weights(products, 500)
    assert weights.shape == (500, 6)
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 1] == weights[:, 4]).all()
    once = weights[:, [0, 1, 3, 5]]
    assert (once.sum(axis=1) == 4).all()
    assert np.allclose(once.mean(axis=0), 1, atol=0.15)


def test_two_models_are_resampled_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The draws depend on the products only, neither on the call nor on the size of the parts."""
    products = np.arange(30)
    first = all_weights(products, 100)
    assert np.array_equal(first, all_weights(products, 100))
    monkeypatch.setattr("vitrina.evaluation.bootstrap.CHUNK", 70)
    assert [len(part) for part in product_weights(products, 5)] == [2, 2, 1]
    assert np.array_equal(first[:4], all_weights(products, 4))


@pytest.mark.parametrize("products", [10, 25, 100])
def test_an_interval_covers_the_truth_as_often_as_it_says(products: int) -> None:
    """Of 400 samples of skewed values, at least 88% have the mean in their 95% interval."""
    values = np.random.default_rng(products).exponential(size=(products, 400))
    weights = all_weights(np.arange(products), 1_000)
    means = weights @ values / products
    ends = [percentile_interval(column, products) for column in means.T]
    assert np.mean([low <= 1 <= high for low, high in ends]) >= 0.88


def test_few_products_have_a_wide_interval_and_one_has_none() -> None:
    """Two products tell next to nothing; one tells nothing about others."""
    samples = np.linspace(0, 1, 101)
    assert percentile_interval(samples, 2) == pytest.approx((0, 1))
    low, high = percentile_interval(samples, 10_000)
    assert (low, high) == pytest.approx((0.025, 0.975), abs=1e-3)
    with pytest.raises(ValueError, match="one product"):
        percentile_interval(samples, 1)


def test_replicates_without_the_metric_do_not_count() -> None:
    """A rare class may not be drawn at all."""
    samples = np.array([0.5] * 50 + [np.nan] * 50)
    assert percentile_interval(samples, 100) == (0.5, 0.5)
