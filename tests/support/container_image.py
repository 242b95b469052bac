"""The container image without Docker: built by buildah on a base that debootstrap makes.

No image registry is needed. Packages come from where this machine's pip and apt get them. Commands
run in a network namespace of its own, in which every port is free and nothing else is reached.
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.processes import ROOT, running

STORE = ROOT / "build" / "image"  # kept, so that the layers need not be built again
BUILDAH = ["buildah", "--root", f"{STORE}/store", "--runroot", f"{STORE}/run"]
BASE = "localhost/vitrina-base"
# What python:3.11-slim has besides Debian: an interpreter named python, and its headers.
PACKAGES = "python3,python3-venv,libpython3-dev,ca-certificates"
HOSTS = ("database", "store", "server")  # of the compose file, all on this machine
NETWORK = "vitrina-image"
INSIDE = ["ip", "netns", "exec", NETWORK]


def missing_programs() -> list[str]:
    """What is needed and not installed, or not allowed."""
    missing = [name for name in ("buildah", "debootstrap", "ip") if not shutil.which(name)]
    return missing if os.geteuid() == 0 else [*missing, "root"]


def buildah(*arguments: str) -> str:
    """The output of a buildah command that succeeds."""
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
    done = subprocess.run(
        [*BUILDAH, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
    return done.stdout.strip()


def make_base() -> None:
    """A base image of Debian with Python, unless there is one."""
    if buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        return
    system = STORE / "system"
    shutil.rmtree(system, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", system]
    subprocess.run(command, check=True, capture_output=True)
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(system / folder)
    (system / "usr/bin/python").symlink_to("python3")
    # Registries may be reached through a proxy whose certificate this machine trusts.
    certificates = "etc/ssl/certs/ca-certificates.crt"
    shutil.copy(f"/{certificates}", system / certificates)
    container = buildah("from", "scratch")
    buildah("add", container, str(system), "/")
    buildah("commit", "--rm", container, BASE)
    shutil.rmtree(system)


def pip_settings() -> tuple[str, list[str]]:
    """This machine's settings of pip as a file, and the local folders that they name."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    settings = {}
    for line in listed.splitlines():
        name, value = line.split("=", 1)
        settings[name.rpartition(".")[2]] = ast.literal_eval(value).replace("\n", " ")
    paths = [urlsplit(one).path for value in settings.values() for one in value.split()]
    # An index in <folder>/simple has its files beside it.
    folders = [path.removesuffix("/simple") for path in paths if Path(path).is_dir()]
    settings.pop("constraint", None)  # the image has its own
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join(["[global]", *lines, ""]), folders


def build_image(name: str) -> None:
    """Build docker/Dockerfile on that base, with what this machine's pip installs."""
    make_base()
    text, folders = pip_settings()
    settings = STORE / "pip.conf"
    settings.write_text(text)
    mounts = [f"--volume={folder}:{folder}:ro" for folder in folders]
    mounts.append(f"--volume={settings}:/etc/pip.conf:ro")
    buildah(
        *("bud", "--layers", "--format", "docker", "--file", str(ROOT / "docker/Dockerfile")),
        *(f"--build-arg=BASE_IMAGE={BASE}", *mounts, "--tag", name, str(ROOT)),
    )


@contextmanager
def private_network() -> Iterator[None]:
    """A network namespace with a loopback device alone."""
    subprocess.run(["ip", "netns", "add", NETWORK], check=True)
    try:
        subprocess.run(["ip", "-n", NETWORK, "link", "set", "lo", "up"], check=True)
        yield
    finally:
        subprocess.run(["ip", "netns", "delete", NETWORK], check=True)


@dataclass(frozen=True)
class Container:
    """A container of the image; its commands run as the image's user."""

    name: str

    def command(self, command: Sequence[str], environment: dict[str, str]) -> list[str]:
        """What runs a command in the container."""
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        run = [*BUILDAH, "run", "--isolation", "chroot", *variables, self.name, "--", *command]
        return [*INSIDE, *run]

    def run(
        self, command: Sequence[str], environment: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """A command run to its end."""
        return subprocess.run(
            self.command(command, environment), capture_output=True, text=True, check=False
        )

    @contextmanager
    def running(
        self, command: Sequence[str], environment: dict[str, str], log: Path
    ) -> Iterator["subprocess.Popen[bytes]"]:
        """A command that lasts, ended at the end."""
        with running(self.command(command, environment), dict(os.environ), log) as process:
            yield process


@contextmanager
def container(image: str) -> Iterator[Container]:
    """A container that knows the compose file's hosts as this machine."""
    hosts = [f"--add-host={host}:127.0.0.1" for host in HOSTS]
    name = buildah("from", *hosts, image)
    try:
        yield Container(name)
    finally:
        buildah("rm", name)
