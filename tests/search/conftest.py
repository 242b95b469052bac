"""A finished run of a small shop, which tests only read."""

import pytest

from tests.support.searched_run import SearchedRun, embedded_run
from vitrina.search.run import Run, open_run
from vitrina.store.paths import to_path


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    """Forty listings, embedded into a store."""
    folder = tmp_path_factory.mktemp("searched")
    return embedded_run(to_path(folder / "output"), folder)


@pytest.fixture(scope="session")
def run(shop: SearchedRun) -> Run:
    """That run, opened."""
    return open_run(shop.store.root, "cpu")
