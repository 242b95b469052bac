"""The home folder of Prefect, and a database for a new one.

Prefect makes its database by two hundred migrations, which take six seconds. When Vitrina is set
up, ``tasks/orchestration/make_database.py`` lets it do so once; a new home gets a copy: Prefect's
own tables, with nothing in them but its own block types.
"""

import importlib.metadata
import os
import shutil
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

DATABASE, REGISTERED = NAMES = ("prefect.db", "memo_store.toml")
"""The database, and the file that says which block types it holds."""
OTHER_DATABASE = ("PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_DATABASE_CONNECTION_URL")


def prefect_home() -> Path:
    """The folder that Prefect uses, known without importing Prefect."""
    return Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()


def stored_database() -> Path:
    """The folder in which this environment keeps the files of a new home."""
    version = importlib.metadata.version("prefect")
    return Path(sys.prefix) / "share" / "vitrina" / f"prefect-{version}"


def copy_new_database() -> None:
    """Give a home without a database the stored one; without a stored one do nothing."""
    home, source = prefect_home(), stored_database()
    is_new = not home.exists() or (home.is_dir() and not (home / DATABASE).exists())
    if not is_new or not (source / DATABASE).is_file() or any(map(os.environ.get, OTHER_DATABASE)):
        return
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in reversed(NAMES):  # the database last: it says that the home is no longer new
        temp_file = home / f".{name}.{os.getpid()}"
        shutil.copyfile(source / name, temp_file)
        # Not by renaming, which would replace the database that another process has just opened.
        # Where links are not known, Prefect makes its database itself.
        with suppress(OSError):
            os.link(temp_file, home / name)
        temp_file.unlink()


def is_complete(database: Path) -> bool:
    """Whether a database has all migrations and block types, by its version and the stored one's.

    False where that cannot be told: Prefect then looks itself, which takes a fifth of a second.
    """
    stored = stored_database() / DATABASE
    if not stored.is_file() or not (database.parent / REGISTERED).is_file():
        return False
    try:
        # The stored one may lie in a folder that cannot be written, and nobody changes it.
        versions = [_version(database.as_uri()), _version(f"{stored.as_uri()}?immutable=1")]
    except sqlite3.Error:
        return False
    return versions[0] == versions[1]


def _version(uri: str) -> list[tuple[str]]:
    with closing(sqlite3.connect(uri, uri=True, timeout=1)) as database:
        return database.execute("SELECT version_num FROM alembic_version").fetchall()
