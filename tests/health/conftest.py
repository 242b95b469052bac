"""Listings that several tests look at."""

import pytest

from tests.support.flawed_listings import FlawedListings, flawed_listings


@pytest.fixture(scope="package")
def listings(tmp_path_factory: pytest.TempPathFactory) -> FlawedListings:
    """Nine hundred listings, some with planted flaws."""
    return flawed_listings(tmp_path_factory.mktemp("flawed"))
