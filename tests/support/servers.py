"""Real Prefect servers and workers for tests, on free ports, with homes of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterParentFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, State

from tests.support.processes import ROOT, eventually, free_port, running

# deployments/ is no package: it is run, not imported.
sys.path.append(str(ROOT / "deployments"))
from crash_watch import TAG
from pools import apply_pool, apply_pools
from settings import Settings


@dataclass(frozen=True)
class Server:
    """A running Prefect server; its variables connect any command to it."""

    url: str
    variables: dict[str, str] = field(repr=False)
    auth: str | None = None

    @property
    def api(self) -> str:
        """Address of the API."""
        return f"{self.url}/api"

    def client(self) -> SyncPrefectClient:
        """A client of the API, to be used as a context manager."""
        return SyncPrefectClient(self.api, auth_string=self.auth)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run ``python <command>`` in the repository, connected to this server."""
        return subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.variables | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, deployment: str, **parameters: Any) -> FlowRun:
        """Create a run of a deployment, to be taken by a worker at once."""
        with self.client() as client:
            return client.create_flow_run_from_deployment(
                client.read_deployment_by_name(deployment).id, parameters=parameters
            )

    def deploy_standin(
        self, flow: str, pool: str, *, slots: int | None = None, limit: int | None = None
    ) -> None:
        """Deploy a flow of standin.py as ``<flow>/<pool>``, on a pool of that name.

        ``slots`` is the most runs of the pool at a time, ``limit`` that of the deployment.
        """
        home = {"directory": str(ROOT)}
        with self.client() as client:
            apply_pool(client, pool, Settings(), slots)
            client.create_deployment(
                client.create_flow_from_name(flow),
                name=pool,
                entrypoint=f"tests/support/standin.py:{flow}",
                work_pool_name=pool,
                pull_steps=[{"prefect.deployments.steps.set_working_directory": home}],
                concurrency_limit=limit,
                tags=[TAG],
            )

    def state(self, run: UUID) -> State:
        """The present state of a run."""
        with self.client() as client:
            state = client.read_flow_run(run).state
        assert state is not None
        return state

    def final(self, run: UUID, seconds: float) -> State:
        """The final state of a run."""

        def final() -> State | None:
            state = self.state(run)
            return state if state.is_final() else None

        return eventually(final, seconds, f"a final state of {run}")

    def reaches(self, run: UUID, name: str, seconds: float) -> None:
        """Wait until a run is in the named state."""
        eventually(lambda: self.state(run).name == name, seconds, f"{run} {name}", pause=0.2)

    def runs(self, deployment: str) -> list[FlowRun]:
        """Every run of a deployment."""
        with self.client() as client:
            one = FlowRunFilterDeploymentId(any_=[client.read_deployment_by_name(deployment).id])
            return client.read_flow_runs(flow_run_filter=FlowRunFilter(deployment_id=one))

    def children(self, parent: UUID) -> list[FlowRun]:
        """The runs that a run has started, the oldest first."""
        with self.client() as client:
            one = FlowRunFilterParentFlowRunId(any_=[parent])
            found = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=one))
        return sorted(found, key=lambda run: str(run.created))


@dataclass(frozen=True)
class Worker:
    """A running worker of a work pool."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def running_server(home: Path, port: int | None = None, **variables: str) -> Iterator[Server]:
    """A Prefect server with its own home folder, on a free port and SQLite unless others are named.

    Its leases are on the disk, as docs/how-to/deployments.md has it.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    connected = {
        **clean,
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "5",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "WANDB_MODE": "disabled",
        **variables,
    }
    command = [sys.executable, "-m", "prefect", "server", "start"]
    home.mkdir(parents=True, exist_ok=True)
    with running(
        [*command, "--host", "127.0.0.1", "--port", str(port)], connected, home / "server.log"
    ) as process:
        server = Server(url, connected, connected.get("PREFECT_API_AUTH_STRING"))
        eventually(lambda: _healthy(url, process), 120, f"{url} answers, see {home}/server.log")
        yield server


def _healthy(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, f"the server ended with {process.returncode}"
    try:
        return httpx.get(f"{url}/api/health", timeout=5).status_code in (200, 401)
    except httpx.TransportError:
        return False


@contextmanager
def running_worker(
    server: Server, pool: str, name: str, *options: str, **variables: str
) -> Iterator[Worker]:
    """A worker of the pool, online."""
    log = Path(server.variables["PREFECT_HOME"]) / f"{name}.log"
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool, "--name", name]
    command += options
    with running(command, server.variables | variables, log) as process, server.client() as client:

        def online() -> bool:
            found = client.read_workers_for_work_pool(pool)
            return any(worker.name == name for worker in found)

        eventually(online, 60, f"worker {name} is online, see {log}")
        yield Worker(name, process, log)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prefect server for the session, nothing applied to it."""
    with running_server(tmp_path_factory.mktemp("prefect")) as server:
        yield server


@pytest.fixture(scope="session")
def applied(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server with the deployments applied; the pipeline is a small demo of its own folder."""
    config = tmp_path_factory.mktemp("service") / "pipeline.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "catalog": "demo",
                "images": "demo",
                "output": str(config.parent / "output"),
                "model": "tiny",
                "demo_products": 40,
                "resize": {"default_image_size": [64, 64]},
                "train": {"num_epochs": 1, "batch_size": 16, "lr": 1e-3},
            }
        )
    )
    server.variables["VITRINA_CONFIG"] = str(config)
    finished = server.run("deployments/apply.py")
    assert finished.returncode == 0, finished.stderr
    return server


@pytest.fixture(scope="session")
def workers(server: Server) -> Iterator[dict[str, Worker]]:
    """A worker of the cpu pool and one of the gpu pool, for the session."""
    with server.client() as client:
        apply_pools(client, Settings())
    with (
        running_worker(server, "cpu", "cpu-1") as cpu,
        running_worker(server, "gpu", "gpu-1") as gpu,
    ):
        yield {"cpu": cpu, "gpu": gpu}
