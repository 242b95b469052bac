"""Listings that several tests look at."""

import pytest

from tests.support.classified_listings import ClassifiedListings, classified_listings


@pytest.fixture(scope="package")
def listings(tmp_path_factory: pytest.TempPathFactory) -> ClassifiedListings:
    """Twelve hundred listings in four classes."""
    return classified_listings(tmp_path_factory.mktemp("classified"))
