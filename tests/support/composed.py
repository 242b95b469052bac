"""The services of docker/compose.yaml without Docker: commands, variables, volumes and checks."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.container_image import BUILDAH
from tests.support.namespaces import inside
from tests.support.processes import ROOT, eventually, running

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "docker" / "compose.yaml").read_text()
)["services"]
IMAGE_USER = 10001  # of docker/Dockerfile
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


def variables(service: str, filled_in: Mapping[str, str]) -> dict[str, str]:
    """A service's environment, with docker/.env filled in so."""

    def value(found: re.Match[str]) -> str:
        return filled_in.get(found[1], found[2] or "")

    given = SERVICES[service]["environment"]
    return {name: VARIABLE.sub(value, text) for name, text in given.items()}


def command(service: str) -> list[str]:
    """A service's command as Docker is given it."""
    return [str(part).replace("$$", "$") for part in SERVICES[service]["command"]]


@dataclass(frozen=True)
class Service:
    """A service in a container and a network of its own; its commands run as the image's user.

    Others than its own run in a second container on its network: of two at a time in the same one,
    buildah removes with the first that ends what the second needs.
    """

    name: str
    container: str
    second: str
    environment: Mapping[str, str]
    health_check: Sequence[str]
    folder: Path  # has the volumes, of all services the same, and the logs

    @property
    def log(self) -> Path:
        """What the service has printed."""
        return self.folder / f"{self.name}.log"

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """A command run to its end in the container."""
        return subprocess.run(
            self._inside(self.second, command), capture_output=True, text=True, check=False
        )

    def succeed(self, *command: str) -> str:
        """What a command prints that succeeds."""
        done = self.run(*command)
        assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-10_000:]
        return done.stdout.strip()

    def finish(self) -> str:
        """Run the service to its successful end."""
        return self.succeed(*command(self.name))

    @contextmanager
    def running(self) -> "Iterator[subprocess.Popen[bytes]]":
        """The service, ended at the end."""
        own = self._inside(self.container, command(self.name))
        with running(own, dict(os.environ), self.log) as process:
            yield process

    def healthy(self) -> bool:
        """Whether its health check passes: that of the compose file, or of the image."""
        return self.run(*self.health_check).returncode == 0

    def becomes_healthy(self, process: "subprocess.Popen[bytes]", seconds: float = 300) -> None:
        """Wait for its health check."""

        def healthy() -> bool:
            assert process.poll() is None, self.log.read_text()
            return self.healthy()

        eventually(healthy, seconds, f"{self.name} is healthy, see {self.log}", pause=2)

    def _inside(self, container: str, command: Sequence[str]) -> list[str]:
        given = [f"--env={name}={value}" for name, value in self.environment.items()]
        volumes = [f"--volume={self._mount(one)}" for one in SERVICES[self.name].get("volumes", [])]
        run = ["run", "--isolation", "chroot", *given, *volumes, container, "--", *command]
        return [*inside(self.name), *BUILDAH, *run]

    def _mount(self, volume: str) -> str:
        """A volume of the compose file as a folder or file of this machine."""
        name, rest = volume.split(":", 1)
        own = self.folder / Path(name).name
        if not own.exists():
            own.mkdir()
            # Docker copies the owner of the image's folder to a new volume.
            shutil.chown(own, IMAGE_USER, IMAGE_USER)
        return f"{own}:{rest}"
