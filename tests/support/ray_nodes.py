"""A Ray cluster of several nodes on this machine, started as docs/how-to/scale.md has it.

Each node has an address of its own (127.0.0.2, 127.0.0.3, …), its own ports, object store, workers,
cache and way to S3, and can be killed as a machine that loses its power.
"""

import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from threading import Event

import psutil

from tests.support.flaky_s3 import Endpoint, Fault, flaky_endpoint
from tests.support.processes import eventually, free_port, running

RAY = str(Path(sys.executable).with_name("ray"))
MAIN_PROCESS = "raylet"  # starts the workers of its node, and ends with it
SECONDS = 240  # for what takes half a minute on a quiet machine


@dataclass
class Hold:
    """Where S3 stops answering a node, so that it is at work while it is killed.

    Its requests of a kind, a pattern of method and file name such as ``PUT *.parquet``, wait as
    soon as any node has made one of the kind ``after``, and fail when the hold ends.
    """

    host: str
    request: str
    after: str
    held: list[str] = field(default_factory=list)  # names of files
    armed: Event = field(default_factory=Event)
    ended: Event = field(default_factory=Event)

    def fault(self, host: str, method: str, name: str) -> Fault | None:
        """What is wrong with a request, as a plan of the S3 API."""
        asked = f"{method} {name}"
        if fnmatch(asked, self.after):
            self.armed.set()
        if host != self.host or not self.armed.is_set() or not fnmatch(asked, self.request):
            return None
        self.held.append(name)
        self.ended.wait(SECONDS)
        return "503"


@dataclass(frozen=True)
class Node:
    """A node, its address, and its way to S3."""

    process: "subprocess.Popen[bytes]"
    host: str
    s3: Endpoint
    log: Path

    def has_joined(self) -> bool:
        """Whether it belongs to the cluster by now."""
        text = self.log.read_text()
        assert self.process.poll() is None, text
        return "Ray runtime started" in text

    def runs(self, task: str) -> bool:
        """Whether one of its workers runs a Ray task, or an actor's method, of this name."""
        return any(_title(one).startswith(f"ray::{task}") for one in self._processes())

    def writes(self, name: str) -> int:
        """How often it has written, or tried to write, a file of this name to S3."""
        return sum(fnmatch(one, f"PUT */{name}[?]*") for one in self.s3.app.asked.elements())

    def kill(self) -> None:
        """End all of its processes at once, without a word to the cluster."""
        processes = self._processes()
        for one in processes:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()
        assert not psutil.wait_procs(processes, SECONDS)[1]

    def _processes(self) -> list[psutil.Process]:
        """All below ``ray start``, which are in groups of their own, and itself.

        First what starts others, so that none is started while they are killed one by one.
        """
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(self.process.pid)
            return [*sorted(top.children(recursive=True), key=_starts_none), top]
        return []


def _starts_none(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.name() != MAIN_PROCESS
    return True


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


@dataclass
class Cluster:
    """A head and its nodes, each with one CPU; ``variables`` reach it from a command."""

    folder: Path  # with a short path: Ray's sockets are in it
    variables: dict[str, str]
    resources: ExitStack
    port: int = field(default_factory=free_port)
    client_port: int = field(default_factory=free_port)
    nodes: list[Node] = field(default_factory=list)
    hold: Hold | None = None

    @property
    def address(self) -> str:
        """Of the head, for a process on its machine."""
        return f"127.0.0.2:{self.port}"

    @property
    def executor(self) -> str:
        """The head's Ray client, for a process anywhere."""
        return f"ray://127.0.0.2:{self.client_port}"

    def start_head(self) -> None:
        """Start the first node; returns when others may join."""
        options = ["--head", "--port", str(self.port), "--temp-dir", str(self.folder)]
        options += ["--ray-client-server-port", str(self.client_port)]
        self._start(*options, "--include-dashboard", "false")
        eventually(self._listens, SECONDS, f"a head, see {self.nodes[0].log}", pause=0.1)

    def start_node(self) -> Node:
        """Start another node, without waiting for it."""
        return self._start("--address", self.address)

    def second_node(self) -> Node:
        """The node besides the head: the last that was started, or a new one if it was killed."""
        if len(self.nodes) == 1 or self.nodes[-1].process.poll() is not None:
            self.start_node()
        for node in (self.nodes[0], self.nodes[-1]):
            eventually(node.has_joined, SECONDS, f"a node, see {node.log}", pause=0.1)
        return self.nodes[-1]

    def _start(self, *where: str) -> Node:
        number = len(self.nodes) + 2
        host, log = f"127.0.0.{number}", self.folder / f"node-{number}.log"
        options = ["--node-ip-address", host, "--num-cpus", "1", "--disable-usage-stats"]
        options += ["--object-store-memory", str(100_000_000)]

        def plan(method: str, name: str) -> Fault | None:
            return self.hold.fault(host, method, name) if self.hold else None

        s3 = self.resources.enter_context(flaky_endpoint(plan))
        own = {"AWS_ENDPOINT_URL": s3.url, "VITRINA_CACHE": str(self.folder / f"cache-{number}")}
        command = [RAY, "start", "--block", *where, *options]
        process = self.resources.enter_context(running(command, self.variables | own, log))
        node = Node(process, host, s3, log)
        self.resources.callback(node.kill)
        self.nodes.append(node)
        return node

    def _listens(self) -> bool:
        assert self.nodes[0].process.poll() is None, self.nodes[0].log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.2", self.port), 5):
            return True
        return False


@contextmanager
def ray_cluster(variables: dict[str, str]) -> Iterator[Cluster]:
    """A cluster of a head and another node, behind a token; no process of it is left afterwards."""
    own = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",  # sums are added in the same order everywhere
    }
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, ExitStack() as resources:
        cluster = Cluster(Path(folder), variables | own, resources)
        cluster.start_head()
        cluster.start_node()
        yield cluster
