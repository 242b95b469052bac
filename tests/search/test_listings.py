"""Columns of the listings, and filters on them."""

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vitrina.errors import UserError
from vitrina.search.listings import Listings

COLUMNS = pa.table(
    {
        "title": ["a", "b", "c"],
        "image_path": ["1.jpg", "2.jpg", "3.jpg"],
        "nm": [1, 2, 3],
        "price": [100.0, 99.5, None],
        "sold": [True, False, None],
        "since": pa.array([datetime.date(2024, 1, day) for day in (1, 2, 3)]),
        "brend": pa.array(["Ёж", None, "o'Нил"]).dictionary_encode(),
        "sizes": [[1], [2], []],
    }
)


@pytest.fixture
def listings(tmp_path: Path) -> Listings:
    """Three listings with columns of several types."""
    pq.write_table(COLUMNS, tmp_path / "table.parquet")
    return Listings(tmp_path / "table.parquet")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"price": 100}, [1]),
        ({"price": "99.5"}, [2]),
        ({"sold": True}, [1]),
        ({"sold": "false"}, [2]),
        ({"since": datetime.date(2024, 1, 3)}, [3]),
        ({"since": "2024-01-01"}, [1]),
        ({"brend": "Ёж"}, [1]),
        ({"brend": ("Ёж", "o'Нил")}, [1, 3]),
        ({"brend": None}, [2]),
        ({"brend": ["Ёж", None]}, [1, 2]),
        ({"brend": "' OR 1=1"}, []),
        ({"nm": {1, 3}, "sold": True}, [1]),
    ],
)
def test_a_filter_compares_in_the_columns_type(
    where: dict[str, Any], expected: list[int], listings: Listings
) -> None:
    """Given as a value of that type, or as the text that a command line has."""
    mask = listings.mask(where)
    assert mask is not None
    assert listings.nm[mask].tolist() == expected


def test_a_filter_that_cannot_be_compared_is_refused(listings: Listings) -> None:
    """A value that the column cannot have, and a column of lists."""
    for where, message in (
        ({"price": "дорого"}, "Column 'price' is double, which 'дорого' cannot"),
        ({"sizes": 1}, "Column 'sizes' is list"),
        ({"pric": 1}, "no column 'pric'. Did you mean 'price'"),
        ({"xyz": 1}, "It has: title, image_path"),
    ):
        with pytest.raises(UserError, match=message):
            listings.mask(where)
    assert listings.mask({}) is None


def test_values_like_a_typo_are_known(listings: Listings) -> None:
    """For a hint when nothing is found."""
    assert listings.near_values("brend", "оНил") == ["o'Нил"]


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    """As one that is no Parquet."""
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"table\.parquet is not a Parquet file, or is damaged"):
        _ = Listings(tmp_path / "table.parquet").nm


def test_categories_of_any_type_are_shown_as_text(tmp_path: Path) -> None:
    """A number of a category is text; a missing one is None."""
    frame = pd.DataFrame(
        {"title": ["a", "b"], "image_path": ["", ""], "nm": ["x", "y"], "category": [7, None]}
    )
    frame.astype({"category": "Int64"}).to_parquet(tmp_path / "table.parquet")
    listings = Listings(tmp_path / "table.parquet")
    assert [listings.shown(row)["category"] for row in (0, 1)] == ["7", None]
