"""The split by product: nothing on two sides, stable, at least two products a part."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitrina.catalog.products import normalize_title, product_groups
from vitrina.catalog.split import split_rows
from vitrina.errors import UserError

PARTS = ("train", "validation", "test")


def catalogue(rows: int, titles: int, images: int, seed: int = 0) -> pd.DataFrame:
    """Rows that share titles and images at random."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "nm": np.arange(rows),
            "title": [f"Кружка {number}" for number in rng.integers(0, titles, rows)],
            "image_hash": [f"{number:08x}" for number in rng.integers(0, images, rows)],
        }
    )


def slow_groups(table: pd.DataFrame) -> list[set[int]]:
    """Connected rows by merging sets until nothing changes."""
    groups = [{row} for row in range(len(table))]
    for column in ("title", "image_hash"):
        for rows in table.groupby(column).indices.values():
            touched = [group for group in groups if group & set(rows)]
            groups = [group for group in groups if group not in touched]
            groups.append(set().union(*touched))
    return groups


@settings(max_examples=40, deadline=None)
@given(st.integers(6, 80), st.integers(1, 60), st.integers(1, 60), st.integers(0, 1_000))
def test_groups_are_the_connected_rows(rows: int, titles: int, images: int, seed: int) -> None:
    """Two rows have one label exactly when a chain of equal titles or images joins them."""
    table = catalogue(rows, titles, images, seed)
    labels = product_groups(table)
    found = {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}
    assert found == {frozenset(group) for group in slow_groups(table)}


@settings(max_examples=40, deadline=None)
@given(st.integers(40, 300), st.integers(0, 1_000), st.floats(0, 0.4), st.floats(0, 0.4))
def test_no_title_and_no_image_stands_on_two_sides(
    rows: int, seed: int, validation: float, test: float
) -> None:
    """Whatever the fractions and the seed, a product is in one part."""
    table = catalogue(rows, rows, rows, seed)
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
    side = split_rows(catalogue(20_000, 15_000, 10**9), 0.05, 0.1, seed=3)
    shares = [np.mean(side == part) for part in PARTS]
    np.testing.assert_allclose(shares, [0.85, 0.05, 0.1], atol=0.01)


def test_the_order_of_rows_does_not_matter() -> None:
    """A shuffled table is split the same way."""
    table = catalogue(500, 400, 450)
    order = np.random.default_rng(1).permutation(500)
    side = split_rows(table, 0.1, 0.1, seed=0)
    np.testing.assert_array_equal(
        split_rows(table.iloc[order].reset_index(drop=True), 0.1, 0.1, seed=0), side[order]
    )


def test_products_keep_their_side_when_others_come_and_go() -> None:
    """A tenth of the rows removed and new ones added move no remaining product."""
    table = catalogue(3_000, 10**9, 10**9)
    kept = table.sample(frac=0.9, random_state=0)
    new = catalogue(300, 10**9, 10**9, seed=9)
    before = pd.Series(split_rows(table, 0.05, 0.1, seed=0), table.index)
    after = split_rows(pd.concat([kept, new], ignore_index=True), 0.05, 0.1, seed=0)
    np.testing.assert_array_equal(after[: len(kept)], before[kept.index])


def test_another_seed_gives_another_split() -> None:
    """The seed decides which products are held out."""
    table = catalogue(1_000, 10**9, 10**9)
    first, second = (split_rows(table, 0.05, 0.1, seed) == "test" for seed in (0, 1))
    assert np.mean(first & second) < 0.05


@pytest.mark.parametrize("rows", [6, 7, 12, 20])
def test_a_tiny_table_has_two_products_in_each_part(rows: int) -> None:
    """Six products are enough for three parts."""
    for seed in range(20):
        side = split_rows(catalogue(rows, 10**9, 10**9, seed=4), 0.05, 0.1, seed)
        assert all(np.sum(side == part) >= 2 for part in PARTS), seed


def test_a_product_that_fills_the_table_is_trained_on() -> None:
    """A group larger than the held-out part stays in training: half the shop shares an image."""
    table = catalogue(400, 10**9, 10**9)
    table.loc[:199, "image_hash"] = "no-photo"
    for seed in range(10):
        side = split_rows(table, 0.05, 0.1, seed)
        assert (side[:200] == "train").all(), seed
        assert np.sum(side == "test") >= 2


def test_missing_titles_and_images_join_nothing() -> None:
    """Rows without a value are not one product for lacking the same thing."""
    table = pd.DataFrame({"title": ["", "", None, "а"], "image_hash": [None, "", "1", "2"]})
    assert len(np.unique(product_groups(table))) == 4


def test_a_table_without_image_hashes_is_split_by_title() -> None:
    """The column is optional."""
    table = pd.DataFrame({"title": ["Ваза", "ваза ", "Стул", "Ваза белая"]})
    labels = product_groups(table)
    assert labels[0] == labels[1]
    assert len(np.unique(labels)) == 3


def test_a_image_without_a_hash_is_known_by_its_path() -> None:
    """Two titles with one file are one product, whatever tool made the table."""
    table = pd.DataFrame(
        {
            "title": ["Ваза", "Стул", "Стол", "Шкаф"],
            "image_path": ["a.jpg", "a.jpg", "b.jpg", "b.jpg"],
            "image_hash": ["", None, "1", "2"],
        }
    )
    assert product_groups(table).tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("one", "other"), [("Ваза  белая", " ваза БЕЛАЯ"), ("чай", "чаи\u0306"), ("a\u00a0b", "a b")]
)
def test_case_form_and_spaces_do_not_make_another_title(one: str, other: str) -> None:
    """Titles that a reader takes for the same are the same."""
    assert normalize_title(one) == normalize_title(other)


def test_too_few_products_are_refused_by_number() -> None:
    """The message says how many products there are, how many are needed and what to do."""
    table = pd.DataFrame({"title": ["Ваза"] * 10})
    with pytest.raises(UserError, match=r"10 rows are 1 different products.*at least 6"):
        split_rows(table, 0.05, 0.1, 0)
    assert (split_rows(table, 0, 0, 0) == "train").all()


@pytest.mark.parametrize(("validation", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.9, 0.2)])
def test_fractions_that_leave_nothing_are_refused(validation: float, test: float) -> None:
    """The held-out parts together must leave rows to train on."""
    with pytest.raises(UserError, match="validation_fraction"):
        split_rows(catalogue(100, 100, 100), validation, test, 0)
