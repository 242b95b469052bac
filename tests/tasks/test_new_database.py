"""The database of a new Prefect home: copied once, never over one that is there."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tasks.orchestration import new_database
from tasks.orchestration.new_database import (
    DATABASE,
    REGISTERED,
    copy_new_database,
    is_complete,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that does not exist yet, and a stored database."""
    stored = tmp_path / "stored"
    stored.mkdir()
    (stored / DATABASE).write_bytes(b"made by Prefect")
    (stored / REGISTERED).write_text("registered")
    monkeypatch.setattr(new_database, "stored_database", lambda: stored)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    for name in new_database.OTHER_DATABASE:
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


def test_a_new_home_gets_the_stored_files(home: Path) -> None:
    """Both files, and no temp file."""
    copy_new_database()
    assert {file.name: file.read_bytes() for file in home.iterdir()} == {
        DATABASE: b"made by Prefect",
        REGISTERED: b"registered",
    }


def test_a_database_that_is_there_is_left_alone(home: Path) -> None:
    """Also one that Prefect has just begun."""
    home.mkdir()
    (home / DATABASE).touch()
    copy_new_database()
    assert (home / DATABASE).read_bytes() == b""
    assert not (home / REGISTERED).exists()


@pytest.mark.parametrize("case", ["other database", "nothing stored", "a file"])
def test_where_it_cannot_be_copied_prefect_makes_it(
    home: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database elsewhere, an environment set up by hand, a home that is no folder."""
    if case == "other database":
        monkeypatch.setenv(new_database.OTHER_DATABASE[0], "postgresql+asyncpg://db/prefect")
    elif case == "nothing stored":
        (new_database.stored_database() / DATABASE).unlink()
    else:
        home.write_text("a file")
    copy_new_database()
    assert home.is_file() == (case == "a file")
    assert not (home / DATABASE).exists()


def test_the_environment_stores_what_its_prefect_makes() -> None:
    """All of Prefect's tables, and no run, block document or secret."""
    database = new_database.stored_database() / DATABASE
    assert database.is_file(), "set up with make, or run tasks/orchestration/make_database.py"
    with closing(sqlite3.connect(database)) as made:
        listing = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = [name for (name,) in made.execute(listing)]
        filled = {
            name for name in tables if made.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        }
    assert "flow_run" in tables
    assert filled <= {"alembic_version", "block_schema", "block_schema_reference", "block_type"}


@pytest.mark.parametrize(
    ("version", "registered", "expected"),
    [("one", True, True), ("other", True, False), ("one", False, False), (None, True, False)],
)
def test_a_database_is_complete_if_its_version_is_that_of_the_stored_one(
    home: Path, version: str | None, registered: bool, expected: bool
) -> None:
    """And if its home says that the block types are registered; with no version it is not."""
    home.mkdir()
    for path, own in (
        (new_database.stored_database() / DATABASE, "one"),
        (home / DATABASE, version),
    ):
        path.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as database, database:
            if own:
                database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
                database.execute("INSERT INTO alembic_version VALUES (?)", (own,))
    if registered:
        (home / REGISTERED).write_text("registered")
    assert is_complete(home / DATABASE) == expected


def test_a_database_that_is_no_sqlite_is_not_complete(home: Path) -> None:
    """Prefect says then what is wrong with it."""
    home.mkdir()
    (home / DATABASE).write_text("no database")
    (home / REGISTERED).write_text("registered")
    assert not is_complete(home / DATABASE)
