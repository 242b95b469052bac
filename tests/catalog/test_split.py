"""The split by product: disjoint, stable, with at least two products a part."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.product_table import product_table
from vitrina.catalog.products import product_groups
from vitrina.catalog.split import sampled, split_rows
from vitrina.errors import UserError

PARTS = ("train", "validation", "test")


@settings(max_examples=40, deadline=None)
@given(st.integers(40, 300), st.integers(0, 1_000), st.floats(0, 0.4), st.floats(0, 0.4))
def test_no_title_and_no_image_is_in_two_parts(
    rows: int, seed: int, validation: float, test: float
) -> None:
    """Whatever the fractions and the seed, a product is in one part."""
    table = product_table(rows, rows, rows, seed)
    try:
        side = split_rows(table, validation, test, seed)
    except UserError:
        assert len(np.unique(product_groups(table))) < 6
        return
    for column in ("title", "image_hash"):
        assert pd.Series(side).groupby(table[column].to_numpy()).nunique().max() == 1
    for part, fraction in (("validation", validation), ("test", test)):
        products = len(np.unique(product_groups(table)[side == part]))
        assert products >= 2 if fraction else products == 0
    assert len(np.unique(product_groups(table)[side == "train"])) >= 2


def test_parts_have_about_the_wanted_size() -> None:
    """On a large table each part is close to its fraction."""
    side = split_rows(product_table(20_000, 15_000, 10**9), 0.05, 0.1, seed=3)
    shares = [np.mean(side == part) for part in PARTS]
    np.testing.assert_allclose(shares, [0.85, 0.05, 0.1], atol=0.01)


def test_the_order_of_rows_does_not_matter() -> None:
    """A shuffled table is split in the same way."""
    table = product_table(500, 400, 450)
    order = np.random.default_rng(1).permutation(500)
    side = split_rows(table, 0.1, 0.1, seed=0)
    np.testing.assert_array_equal(
        split_rows(table.iloc[order].reset_index(drop=True), 0.1, 0.1, seed=0), side[order]
    )


def test_products_keep_their_part_when_others_come_and_go() -> None:
    """Removing a tenth of the rows and adding others moves none of the rest."""
    table = product_table(3_000, 10**9, 10**9)
    kept = table.sample(frac=0.9, random_state=0)
    new = product_table(300, 10**9, 10**9, seed=9)
    before = pd.Series(split_rows(table, 0.05, 0.1, seed=0), table.index)
    after = split_rows(pd.concat([kept, new], ignore_index=True), 0.05, 0.1, seed=0)
    np.testing.assert_array_equal(after[: len(kept)], before[kept.index])


def test_another_seed_gives_another_split() -> None:
    """The seed decides which products are held out."""
    table = product_table(1_000, 10**9, 10**9)
    first, second = (split_rows(table, 0.05, 0.1, seed) == "test" for seed in (0, 1))
    assert np.mean(first & second) < 0.05


@pytest.mark.parametrize("rows", [6, 7, 12, 20])
def test_a_tiny_table_has_two_products_in_each_part(rows: int) -> None:
    """Six products are enough for three parts."""
    for seed in range(20):
        side = split_rows(product_table(rows, 10**9, 10**9, seed=4), 0.05, 0.1, seed)
        assert all(np.sum(side == part) >= 2 for part in PARTS), seed


def test_a_product_that_fills_the_table_is_trained_on() -> None:
    """A group larger than the held-out part, such as half a shop with one image, is trained on."""
    table = product_table(400, 10**9, 10**9)
    table.loc[:199, "image_hash"] = "no-photo"
    for seed in range(10):
        side = split_rows(table, 0.05, 0.1, seed)
        assert (side[:200] == "train").all(), seed
        assert np.sum(side == "test") >= 2


def test_too_few_products_are_refused_by_number() -> None:
    """The message says how many products there are and how many are needed."""
    table = pd.DataFrame({"title": ["Ваза"] * 10})
    with pytest.raises(UserError, match=r"10 rows are 1 different products.*at least 6"):
        split_rows(table, 0.05, 0.1, 0)
    assert (split_rows(table, 0, 0, 0) == "train").all()


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.9, 0.2)])
def test_fractions_that_leave_nothing_are_refused(validation: float, test: float) -> None:
    """The held-out parts together must leave rows to train on."""
    with pytest.raises(UserError, match="validation_fraction"):
        split_rows(product_table(100, 100, 100), validation, test, 0)


def test_rows_without_a_title_are_divided_by_their_id() -> None:
    """They differ in nothing else that is stable, and must not all go to one part."""
    table = pd.DataFrame({"nm": np.arange(2_000), "title": [""] * 2_000})
    side = split_rows(table, 0.2, 0.2, seed=0)
    shares = [np.mean(side == part) for part in PARTS]
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.2], atol=0.05)


def test_the_split_stays_the_same_between_versions() -> None:
    """Metrics of models trained by different versions are of the same held-out rows."""
    side = split_rows(product_table(30, 25, 28), 0.2, 0.2, seed=0)
    assert np.flatnonzero(side == "test").tolist() == [1, 13, 16, 24]
    assert np.flatnonzero(side == "validation").tolist() == [0, 7, 19, 23, 25, 27]


def test_a_sample_is_ordered_and_the_same_for_a_seed() -> None:
    """Row numbers in ascending order, none twice; all of them if there are no more than wanted."""
    rows = np.arange(100, 200)
    sample = sampled(rows, 10, seed=1)
    assert sample.tolist() == sorted(set(sample.tolist()))
    assert len(sample) == 10
    assert np.isin(sample, rows).all()
    np.testing.assert_array_equal(sample, sampled(rows, 10, seed=1))
    assert sampled(rows, 10, seed=2).tolist() != sample.tolist()
    assert sampled(rows, 100, seed=1).tolist() == rows.tolist()
