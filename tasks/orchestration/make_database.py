"""Let Prefect make the database that new homes get a copy of: a part of setting Vitrina up.

python -m tasks.orchestration.make_database
"""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from tasks.orchestration.new_database import DATABASE, REGISTERED, stored_database
from tasks.orchestration.server_start import TEMPORARY, start_server


def main() -> None:
    """Start a server in a temporary home, and store its files once it answers."""
    target = stored_database()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        home, temp = Path(folder) / "home", Path(folder) / target.name
        server = start_server(TEMPORARY | {"PREFECT_HOME": str(home)})
        try:
            server.wait()
        finally:
            server.stop()
        temp.mkdir()
        # A copy by SQLite: a file's copy would lack what its write-ahead log holds.
        with (
            closing(sqlite3.connect(home / DATABASE)) as made,
            closing(sqlite3.connect(temp / DATABASE)) as copy,
        ):
            made.backup(copy)
        shutil.copyfile(home / REGISTERED, temp / REGISTERED)
        shutil.rmtree(target, ignore_errors=True)
        temp.rename(target)


if __name__ == "__main__":
    main()
