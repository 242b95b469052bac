"""Products: which rows count as the same one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.product_table import product_table
from vitrina.catalog.products import (
    connected_rows,
    normalize_title,
    product_groups,
    product_keys,
    text_key,
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
    """Two rows have one label exactly when a chain of equal titles or images links them."""
    table = product_table(rows, titles, images, seed)
    labels = product_groups(table)
    found = {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}
    assert found == {frozenset(group) for group in slow_groups(table)}


def test_missing_titles_and_images_join_nothing() -> None:
    """Two rows without a value do not share it."""
    table = pd.DataFrame({"title": ["", "", None, "а"], "image_hash": [None, "", "1", "2"]})
    assert len(np.unique(product_groups(table))) == 4


def test_a_table_without_image_hashes_is_grouped_by_title() -> None:
    """The column is optional."""
    table = pd.DataFrame({"title": ["Ваза", "ваза ", "Стул", "Ваза белая"]})
    labels = product_groups(table)
    assert labels[0] == labels[1]
    assert len(np.unique(labels)) == 3


def test_an_image_without_a_hash_is_known_by_its_path() -> None:
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


def test_a_key_in_another_column_links_nothing() -> None:
    """A title whose hash equals that of an image does not make them one product."""
    assert len(np.unique(connected_rows(np.array([[1, 2], [2, 1]])))) == 2
    assert len(np.unique(connected_rows(np.array([[1, 2], [3, 2]])))) == 1


def test_keys_stay_the_same_between_versions() -> None:
    """Keys decide the split of a table: another hash would move products between its parts."""
    assert text_key("ваза") == int.from_bytes(bytes.fromhex("324fc765e170aa77"), signed=True)
    assert text_key("") == 0
    keys = product_keys(pd.DataFrame({"title": ["Ваза "], "image_path": ["a.jpg"]}))
    assert keys.tolist() == [[text_key("ваза"), text_key("a.jpg")]]


def test_listings_that_share_any_image_are_one_product() -> None:
    """The main one of the one may be the last of the other; a chain links them all."""
    table = pd.DataFrame(
        {
            "title": ["Ваза", "Стул", "Стол", "Шкаф", "Пуф"],
            "image_path": list("acegi"),
            "image_paths": [["a", "b"], ["c", "a"], ["e", "b"], ["g"], ["i", "h"]],
        }
    )
    assert product_groups(table).tolist() == [0, 0, 0, 1, 2]
    hashes = [["1", "2"], ["3", "4"], ["5", "6"], ["6"], ["7", "8"]]  # these count, not the paths
    by_content = table.assign(image_hash=[one[0] for one in hashes], image_hashes=hashes)
    assert product_groups(by_content).tolist() == [0, 1, 2, 2, 3]


def test_a_table_of_sizes_makes_no_product_of_those_that_show_it() -> None:
    """An image other than the main one that more than ten listings have; a main one always does."""
    names = [str(row) for row in range(24)]
    for shared, groups in ((10, 15), (11, 24)):
        lists = [[name, *(["sizes"] if row < shared else [])] for row, name in enumerate(names)]
        table = pd.DataFrame({"title": names, "image_path": names, "image_paths": lists})
        assert len(np.unique(product_groups(table))) == groups
    first = [["sizes", name] for name in names]
    table = pd.DataFrame({"title": names, "image_path": "sizes", "image_paths": first})
    assert len(np.unique(product_groups(table))) == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(6, 60), st.integers(1, 60), st.integers(0, 1_000))
def test_lists_of_one_image_give_the_keys_of_single_images(
    rows: int, images: int, seed: int
) -> None:
    """So a table's split stays what it is when its listings may have several."""
    table = product_table(rows, rows, images, seed).assign(image_path="x.jpg")
    lists = table.assign(
        image_paths=[[path] for path in table["image_path"]],
        image_hashes=[[one] for one in table["image_hash"]],
    )
    assert np.array_equal(product_keys(lists), product_keys(table))
    more = lists.copy()
    more.at[0, "image_paths"], more.at[0, "image_hashes"] = (
        ["x.jpg", "y"],
        [lists.image_hash[0], "ff"],
    )
    others = table["image_hash"] != table["image_hash"][0]
    assert np.array_equal(product_keys(more)[others], product_keys(table)[others])


def test_keys_of_shared_images_do_not_depend_on_the_order_of_the_rows() -> None:
    """The smallest key of a chain stands for it."""
    lists = [["a", "b"], ["c"], ["b", "d"], ["e", "c"], ["f"]]
    table = pd.DataFrame(
        {"title": list("абвгд"), "image_path": [one[0] for one in lists], "image_paths": lists}
    )
    keys = product_keys(table)[:, 1]
    assert np.array_equal(product_keys(table[::-1])[::-1, 1], keys)
    assert len(np.unique(keys)) == 3
