"""What is said of duplicates."""

import pytest

from vitrina.duplicates.summary import duplicate_rows
from vitrina.results import DuplicatesResult, Threshold

FLOOR = Threshold(cosine=0.7, chosen="floor")
MEASURED = {"basis": "held-out", "precision": 0.956, "low": 0.91, "high": 0.98}


def result(similar: Threshold, **others: object) -> DuplicatesResult:
    """A result with this threshold."""
    values = {
        "pairs": "p",
        "groups": "g",
        "gallery": "d",
        "group_column": "",
        "pairs_by_kind": {"copy": 1, "title": 2_000, "image": 3, "similar": 4},
        "groups_found": 1_000,
        "listings": 2_100,
        "sharing": FLOOR,
    }
    return DuplicatesResult(**values | others, similar=similar)


def test_the_precision_comes_with_its_interval_and_its_products() -> None:
    """A lower bound where titles and images judge, an estimate where a column does."""
    known = Threshold(cosine=0.9, chosen="precision", products=88, known_products=70, **MEASURED)
    rows = dict(duplicate_rows(result(known)))
    assert rows["groups"] == "1,000 with 2,100 listings"
    assert rows["precision"].startswith(
        "at least 0.96, 95% interval 0.91 to 0.98, from 88 held-out products"
    )
    assert "count as wrong" in rows["precision"]
    rows = dict(duplicate_rows(result(known, group_column="article", recall=0.876)))
    assert rows["precision, another title and another image"] == (
        "0.96, 95% interval 0.91 to 0.98, from 88 held-out products; judged by article"
    )
    assert rows["recall"] == "0.88"
    assert rows["precision, same title or same image"].startswith("cannot tell: 0 products")


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        (Threshold(cosine=0.98, chosen="default", known_products=12), "cannot tell: 12 products"),
        (Threshold(cosine=None, chosen="precision", known_products=40), "no pairs are reported"),
    ],
)
def test_it_is_said_where_nothing_can_be_said(threshold: Threshold, expected: str) -> None:
    """How many products are known, and how many are needed."""
    assert dict(duplicate_rows(result(threshold)))["precision"].startswith(expected)
