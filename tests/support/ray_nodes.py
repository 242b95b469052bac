"""A Ray cluster of several nodes on this machine, started as docs/how-to/scale.md has it.

Each node has an address of its own (127.0.0.2, 127.0.0.3, …), its own ports, object store and
workers and cache, and is a process group, so that a node can be killed as a machine that loses its
power.
"""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.processes import eventually, free_port, running

RAY = str(Path(sys.executable).with_name("ray"))


@dataclass(frozen=True)
class Node:
    """A node and its address."""

    process: "subprocess.Popen[bytes]"
    host: str

    def computes(self, task: str) -> bool:
        """Whether one of its workers runs a Ray task, or an actor's method, of this name."""
        return any(name.startswith(f"ray::{task}") for name in self._commands())

    def kill(self) -> None:
        """End all of its processes at once, without a word to the cluster."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _commands(self) -> Iterator[str]:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                group = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[2])
                if group == self.process.pid:
                    yield (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:  # it has ended
                continue


@dataclass
class Cluster:
    """A head and its nodes, each with one CPU; ``variables`` are those of every node."""

    folder: Path  # with a short path: Ray's sockets are in it
    variables: dict[str, str]
    resources: ExitStack
    port: int = field(default_factory=free_port)
    client_port: int = field(default_factory=free_port)
    nodes: list[Node] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Of the head, for a process on its machine."""
        return f"127.0.0.2:{self.port}"

    @property
    def executor(self) -> str:
        """The head's Ray client, for a process anywhere."""
        return f"ray://127.0.0.2:{self.client_port}"

    def add_node(self) -> Node:
        """Start a node, the first of which is the head; returns once it has joined."""
        number = len(self.nodes) + 2
        host, log = f"127.0.0.{number}", self.folder / f"node-{number}.log"
        where = ["--address", self.address]
        if not self.nodes:
            where = ["--head", "--port", str(self.port)]
            where += ["--ray-client-server-port", str(self.client_port)]
            where += ["--include-dashboard", "false", "--temp-dir", str(self.folder)]
        options = ["--node-ip-address", host, "--num-cpus", "1", "--disable-usage-stats"]
        command = [RAY, "start", "--block", *where, *options]
        variables = self.variables | {"VITRINA_CACHE": str(self.folder / f"cache-{number}")}
        process = self.resources.enter_context(running(command, variables, log))

        def started() -> bool:
            text = log.read_text()
            assert process.poll() is None, text
            return "Ray runtime started" in text

        eventually(started, 200, f"a node, see {log}", pause=0.1)
        self.nodes.append(Node(process, host))
        return self.nodes[-1]


@contextmanager
def ray_cluster(variables: dict[str, str]) -> Iterator[Cluster]:
    """A cluster of a head alone, behind a token; its variables also let a command reach it."""
    own = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",  # sums are added in the same order everywhere
    }
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, ExitStack() as resources:
        cluster = Cluster(Path(folder), variables | own, resources)
        cluster.add_node()
        yield cluster
