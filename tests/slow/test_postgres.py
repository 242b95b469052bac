"""The server on PostgreSQL with a password on its door, as docker/compose.yaml runs it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.processes import ROOT, eventually, free_port, running
from tests.support.servers import Server, running_server, running_worker

SECRET = "team:not-a-real-secret"
PROGRAMS = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAMS is None, reason="Debian's postgresql is not installed"),
]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of an empty database of a PostgreSQL of its own."""
    assert PROGRAMS is not None
    folder = Path(tempfile.mkdtemp(prefix="vitrina-postgres-"))
    password = folder / "password"
    password.write_text("secret")
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        for path in (folder, password):
            shutil.chown(path, user)
    initdb = [str(PROGRAMS / "initdb"), "-D", str(folder / "data"), "-U", "prefect", "--no-sync"]
    subprocess.run(
        [*initdb, "--auth=scram-sha-256", f"--pwfile={password}"],
        check=True,
        capture_output=True,
        user=user,
    )
    port = free_port()
    server = [PROGRAMS / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder]
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    ready = [str(PROGRAMS / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
    command = [str(part) for part in [*server, *options]]
    with running(command, dict(os.environ), folder.with_suffix(".log"), user):
        eventually(
            lambda: subprocess.run(ready, check=False, capture_output=True).returncode == 0,
            30,
            "PostgreSQL",
        )
        yield f"postgresql+asyncpg://prefect:secret@127.0.0.1:{port}/postgres"
    shutil.rmtree(folder)
    folder.with_suffix(".log").unlink()


@pytest.fixture(scope="module")
def guarded(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prefect server on that database which asks for a name and a password."""
    with running_server(
        tmp_path_factory.mktemp("guarded"),
        PREFECT_API_DATABASE_CONNECTION_URL=database,
        PREFECT_SERVER_API_AUTH_STRING=SECRET,
        PREFECT_API_AUTH_STRING=SECRET,
    ) as server:
        yield server


def healthy(check: list[str], address: str) -> bool:
    """Whether a health check of the image or of compose.yaml passes at another address."""
    assert check[0] == "python"
    moved = [re.sub(r"127\.0\.0\.1:\d+", address, part) for part in check[1:]]
    return (
        subprocess.run([sys.executable, *moved], check=False, capture_output=True).returncode == 0
    )


def image_check() -> list[str]:
    """The Dockerfile's HEALTHCHECK, which is a worker's."""
    text = (ROOT / "docker" / "Dockerfile").read_text()
    found: list[str] = json.loads(text.split("HEALTHCHECK")[1].split("CMD", 2)[1])
    return found


def test_composes_check_sees_the_server_from_inside_its_container(guarded: Server) -> None:
    """The check needs no password, and it fails when nobody answers."""
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
    check = compose["services"]["server"]["healthcheck"]["test"][1:]
    assert healthy(check, guarded.url.removeprefix("http://"))
    assert not healthy(check, f"127.0.0.1:{free_port()}")


def test_nobody_gets_in_without_the_password(guarded: Server) -> None:
    """The API answers 401 to no credentials and to wrong ones."""
    flows = f"{guarded.api}/flows/filter"
    assert httpx.post(flows, json={}).status_code == 401
    assert httpx.post(flows, json={}, auth=("team", "wrong")).status_code == 401
    assert httpx.post(flows, json={}, auth=("team", "not-a-real-secret")).status_code == 200
    refused = guarded.run("deployments/apply.py", PREFECT_API_AUTH_STRING="")
    assert refused.returncode == 2
    assert "PREFECT_API_AUTH_STRING" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_deployments_are_applied_and_a_worker_runs_them(guarded: Server, tmp_path: Path) -> None:
    """Applied, taken by a worker and completed, all with the password; the run is in PostgreSQL."""
    applied = guarded.run("deployments/apply.py")
    assert applied.returncode == 0, applied.stderr[:6000]
    guarded.deploy_standin("child", "cpu")
    port = str(free_port())
    with running_worker(
        guarded, "cpu", "guarded-1", "--with-healthcheck", PREFECT_WORKER_WEBSERVER_PORT=port
    ):
        assert healthy(image_check(), f"127.0.0.1:{port}")
        run = guarded.start("child/cpu", config={"end": "complete", "folder": str(tmp_path)})
        assert guarded.final(run.id, 90).is_completed()
    assert not healthy(image_check(), f"127.0.0.1:{port}")
    assert (tmp_path / "done").exists()
    assert SECRET.split(":")[1] not in (applied.stdout + applied.stderr)
    assert not list(Path(guarded.variables["PREFECT_HOME"]).glob("*.db"))
