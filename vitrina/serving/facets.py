"""The columns that a person can filter by, with their most frequent values."""

from collections.abc import Iterable
from dataclasses import dataclass

from vitrina.catalog.processed_table import CATEGORY, NM, TITLE
from vitrina.search.listings import Listings

MAX_VALUES = 200  # of a column, in the page's list
MAX_DISTINCT = 5_000  # a column with more values is none to choose from


@dataclass(frozen=True)
class FacetValue:
    """A value of a column, and how many listings have it."""

    value: str
    count: int


@dataclass(frozen=True)
class Facet:
    """A column to filter by, its most frequent values first."""

    column: str
    values: list[FacetValue]


def facets(listings: Listings, columns: Iterable[str]) -> list[Facet]:
    """The category, if there is one, and those of the columns that have values to choose from."""
    names = dict.fromkeys((CATEGORY, *columns))
    found = (
        Facet(name, [FacetValue(str(value), count) for value, count in counts[:MAX_VALUES]])
        for name in names
        if name not in (NM, TITLE) and name in listings.columns
        if 1 < len(counts := listings.counts(name)) <= MAX_DISTINCT
    )
    return list(found)
