"""A served run of a small shop, and clients that ask it."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.support.searched_run import SearchedRun, embedded_run
from tests.support.shop import draw_shop
from vitrina.config.serve import ServeConfig
from vitrina.serving.app import make_app
from vitrina.serving.current_run import CurrentRun
from vitrina.store.paths import to_path

TOKEN = "a-token-of-the-tests"
HOSTILE = "<script>alert(1)</script> \"'>`{{7*7}}' OR 1=1; DROP TABLE listings; --"
CONFIG = ServeConfig(max_upload_mb=0.5, max_megapixels=1, max_top=50)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SearchedRun:
    """Forty listings, one with a hostile title, one with a hostile category."""
    folder = tmp_path_factory.mktemp("served")
    rows = draw_shop(folder / "images", 40)
    rows.loc[7, "title"] = HOSTILE
    rows.loc[8, "category"] = HOSTILE
    return embedded_run(to_path(folder / "output"), folder, rows)


@pytest.fixture(scope="session")
def current(shop: SearchedRun) -> CurrentRun:
    """The run, opened."""
    current = CurrentRun(shop.store.root, "cpu", 60)
    current.open()
    return current


@pytest.fixture
def client(current: CurrentRun) -> Iterator[TestClient]:
    """A client on the same machine."""
    with TestClient(make_app(current, CONFIG), "http://127.0.0.1:8100") as client:
        yield client


@pytest.fixture
def guarded(current: CurrentRun) -> Iterator[TestClient]:
    """A client of a server that asks for a token."""
    config = CONFIG.model_copy(update={"token": TOKEN})
    with TestClient(make_app(current, config), "http://shop.example") as client:
        yield client
