"""The classes of a table's rows."""

import numpy as np
import pytest

from tests.support.classified_listings import NAMES, ClassifiedListings
from vitrina.classification import labels as module
from vitrina.classification.labels import read_labels
from vitrina.errors import UserError


def test_rows_without_a_class_and_of_rare_ones_are_told_apart(
    listings: ClassifiedListings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Null, empty and blank values are no class; classes of few products are named."""
    monkeypatch.setattr(module, "BATCH_ROWS", 97)
    found = read_labels(listings.table, "category", listings.keys.groups(), 5)
    assert found.names == sorted(NAMES)
    assert found.rare == {"Редкое": 3}
    assert np.flatnonzero(found.rare_rows).tolist() == [1, 101, 201]
    assert found.without.tolist() == list(range(0, 1_200, 10))
    assert len(found.labelled) == 1_200 - 120 - 3
    names = np.array(found.names)[found.codes[found.labelled]]
    assert names.tolist() == [NAMES[one] for one in listings.truth[found.labelled]]


def test_products_are_counted_not_listings(listings: ClassifiedListings) -> None:
    """A class with many listings of one product is rare."""
    one_product = np.zeros(1_200, np.int64)
    assert read_labels(listings.table, "category", one_product, 2).names == []


def test_an_unknown_column_is_named(listings: ClassifiedListings) -> None:
    """With the one that was meant."""
    with pytest.raises(UserError, match="Did you mean 'category'"):
        read_labels(listings.table, "Category", listings.keys.groups(), 5)
