"""Listings that several tests look at."""

import pytest

from tests.support.constructed_run import ConstructedRun, constructed_run


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> ConstructedRun:
    """Three thousand listings, a fifth of which repeat the product of another."""
    return constructed_run(tmp_path_factory.mktemp("constructed"))
