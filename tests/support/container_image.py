"""The container image without Docker: built by buildah on a base that debootstrap makes.

No image registry is needed. Debian's packages come from this machine's mirror, Python's from where
its pip gets them. Layers are kept below build/image, so that a second build takes seconds.
"""

import ast
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.processes import ROOT

STORE = ROOT / "build" / "image"
BUILDAH = ["buildah", "--root", f"{STORE}/store", "--runroot", f"{STORE}/run"]
BASE = "localhost/vitrina-base"
# What python:3.11-slim has besides Debian: an interpreter named python, and its headers.
PACKAGES = "python3,python3-venv,libpython3-dev,ca-certificates"
# What Debian's slim images leave out, and what installing leaves behind.
NOT_IN_SLIM = ("share/doc", "share/info", "share/locale", "share/man")
LEFT_BEHIND = ("var/cache/apt/archives", "var/lib/apt/lists")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# With more than this on the disk, layers of earlier builds are among it: they are built again.
MAX_LAYERS = 6e9


def missing_programs() -> list[str]:
    """What is needed and not installed, or not allowed."""
    programs = ("buildah", "debootstrap", "ip", "setpriv")
    missing = [name for name in programs if not shutil.which(name)]
    return missing if os.geteuid() == 0 else [*missing, "root"]


def buildah(*arguments: str) -> str:
    """The output of a buildah command that succeeds."""
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
    done = subprocess.run(
        [*BUILDAH, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
    return done.stdout.strip()


def build_image(name: str) -> None:
    """Build docker/Dockerfile on that base, with what this machine's pip installs."""
    _drop_old_layers()
    if not buildah("images", "--quiet", "--filter", f"reference={BASE}"):
        _make_base()
    settings = STORE / "pip.conf"
    text, paths = _pip_settings()
    settings.write_text(text)
    # Registries may be reached through a proxy whose certificate this machine trusts.
    mounted = {settings: Path("/etc/pip.conf")} | {path: path for path in [*paths, CERTIFICATES]}
    volumes = [f"--volume={here}:{there}:ro" for here, there in mounted.items() if here.exists()]
    arguments = [f"--build-arg=BASE_IMAGE={BASE}", *volumes, "--tag", name, str(ROOT)]
    file = str(ROOT / "docker" / "Dockerfile")
    buildah("bud", "--layers", "--format", "docker", "--file", file, *arguments)


def image_size(name: str) -> float:
    """The bytes of all layers, uncompressed, as `docker image ls` counts them."""
    number, unit = buildah("images", "--format", "{{.Size}}", name).split()
    return float(number) * {"MB": 1e6, "GB": 1e9}[unit]


def health_check(name: str) -> list[str]:
    """The command of an image's HEALTHCHECK."""
    image = json.loads(buildah("inspect", "--type", "image", name))
    kind, *command = image["Docker"]["config"]["Healthcheck"]["Test"]
    assert kind == "CMD", kind
    return [str(part) for part in command]


@contextmanager
def container(image: str, hosts: Mapping[str, str]) -> Iterator[str]:
    """The name of a container that knows these hosts by their addresses."""
    known = [f"--add-host={host}:{address}" for host, address in hosts.items()]
    name = buildah("from", *known, image)
    try:
        yield name
    finally:
        buildah("rm", name)


def unmount_layers() -> None:
    """Undo the mount of the folder of layers onto itself, which buildah leaves behind."""
    folder = STORE / "store" / "overlay"
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


def _drop_old_layers() -> None:
    STORE.mkdir(parents=True, exist_ok=True)
    used = sum(path.lstat().st_blocks * 512 for path in STORE.rglob("*"))
    if used > MAX_LAYERS:
        buildah("rmi", "--all", "--force")


def _make_base() -> None:
    system = STORE / "system"
    shutil.rmtree(system, ignore_errors=True)
    packages = ["--variant=minbase", f"--include={PACKAGES}"]
    command = ["debootstrap", *packages, *_debian_release(system)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-5_000:]
    for folder in [*(f"usr/{name}" for name in NOT_IN_SLIM), *LEFT_BEHIND]:
        shutil.rmtree(system / folder)
        (system / folder).mkdir()
    (system / "usr/bin/python").symlink_to("python3")
    name = buildah("from", "scratch")
    buildah("add", name, str(system), "/")
    buildah("commit", "--rm", name, BASE)
    shutil.rmtree(system)


def _debian_release(folder: Path) -> list[str]:
    """This machine's release, the folder to install it into, and the mirror that apt reads."""
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    listed = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)"]
    done = subprocess.run([*listed, "Created-By: Packages"], capture_output=True, text=True)
    sources = [line.split() for line in done.stdout.splitlines()]
    mirrors = [address for address, release in sources if release == codename]
    return [codename, str(folder), *mirrors[:1]]


def _pip_settings() -> tuple[str, list[Path]]:
    """This machine's settings of pip as a file, and the files and folders that they name."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    settings = {}
    for line in listed.splitlines():
        name, value = line.split("=", 1)
        settings[name.rpartition(".")[2]] = ast.literal_eval(value).replace("\n", " ")
    settings.pop("constraint", None)  # the image has its own
    named = [urlsplit(one).path for value in settings.values() for one in value.split()]
    # An index in <folder>/simple has its files beside it.
    paths = [Path(path.removesuffix("/simple")) for path in named if path.startswith("/")]
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join(["[global]", *lines, ""]), [path for path in paths if path.exists()]
