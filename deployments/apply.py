"""Apply work pools, the crash watch and the deployments to the server that PREFECT_API_URL names.

    python deployments/apply.py

What exists already is brought up to date, so a second run changes nothing. A schedule that was
switched on stays on, and one that was added in the UI is kept. settings.py lists what can be set.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml
from crash_watch import apply_crash_watch
from pools import apply_pools
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL
from schedules import merge_schedules, read_schedules
from settings import PREFIX, ROOT, Settings, pipeline_parameters, read_settings

from tasks.orchestration.local_server import bypass_proxies
from vitrina.config.pipeline import PipelineConfig
from vitrina.errors import UserError

PIPELINE = "flows/pipeline.py:pipeline"
IN_ITS_OUTPUT = ("flows/push.py:push", "flows/roll_back.py:roll_back")


LEASE_STORAGE = "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"


def deployment_name(described: dict[str, Any]) -> str:
    """``flow/deployment`` of an entry of prefect.yaml."""
    flow = described["entrypoint"].rsplit(":", 1)[1].replace("_", "-")
    return f"{flow}/{described['name']}"


def filled_in(
    description: str,
    parameters: dict[str, Any],
    existing: Callable[[str], list[DeploymentSchedule]],
) -> str:
    """prefect.yaml with the pipeline's parameters, and with the schedules that exist already.

    What works on a run does so in the pipeline's output, unless another one is given.
    """
    content = yaml.safe_load(description)
    by_entrypoint = {one["entrypoint"]: one for one in content["deployments"]}
    by_entrypoint[PIPELINE]["parameters"] = {"config": parameters}
    output = PipelineConfig.model_validate(parameters).output
    for entrypoint in IN_ITS_OUTPUT:
        by_entrypoint[entrypoint]["parameters"] = {"config": {"output": output}}
    for one in content["deployments"]:
        one["schedules"] = merge_schedules(one.get("schedules", []), existing(deployment_name(one)))
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def check_flows(description: str) -> None:
    """Import every flow: for a broken one Prefect would silently deploy an empty form."""
    for deployment in yaml.safe_load(description)["deployments"]:
        load_flow_from_entrypoint(f"{ROOT}/{deployment['entrypoint']}", use_placeholder_flow=False)


def deploy(description: str, home: str) -> None:
    """Have Prefect apply a prefect.yaml; if it fails, show its output and exit with its code."""
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        file = Path(scratch) / "prefect.yaml"
        file.write_text(description, encoding="utf-8")
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
        finished = subprocess.run(
            [*command, "--prefect-file", str(file)],
            cwd=ROOT,
            env=os.environ | {f"{PREFIX}HOME": home},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if finished.returncode:
        print(finished.stdout, file=sys.stderr)
        raise SystemExit(finished.returncode)


def apply(settings: Settings) -> None:
    """Make the server match what this folder describes."""
    if not PREFECT_API_URL.value():
        raise UserError(
            "PREFECT_API_URL is not set. Start a server with `prefect server start` and "
            "export PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    description = (ROOT / "deployments" / "prefect.yaml").read_text("utf-8")
    check_flows(description)
    parameters = pipeline_parameters(settings.config)
    with reachable(), get_client(sync_client=True) as client:
        apply_pools(client, settings)
        apply_crash_watch(client, settings.crash_seconds)
        schedules = partial(read_schedules, client)
        deploy(filled_in(description, parameters, schedules), settings.workers_home)
        print(summary(client))
        if warning := lease_warning(client):
            print(warning, file=sys.stderr)


@contextmanager
def reachable() -> Iterator[None]:
    """Say what to do if the server does not answer or asks for credentials."""
    try:
        yield
    except httpx.TransportError as error:
        raise UserError(
            f"No Prefect server answers at {PREFECT_API_URL.value()}. Start it with "
            "`prefect server start`, or correct PREFECT_API_URL."
        ) from error
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.UNAUTHORIZED:
            raise
        raise UserError(
            f"{PREFECT_API_URL.value()} asks for credentials: set PREFECT_API_AUTH_STRING to "
            "name:password."
        ) from error


def lease_warning(client: SyncPrefectClient) -> str | None:
    """A warning if a restart of the server would end every run; None if it would not."""
    try:
        settings = client.request("GET", "/admin/settings").json()
    except PrefectHTTPStatusError:  # Prefect Cloud has no such route, and no such problem
        return None
    storage = settings.get("server", {}).get("concurrency", {}).get("lease_storage", "")
    if not storage.endswith(".memory"):
        return None
    return (
        "warning: a restart of this Prefect server ends the runs in progress, because it keeps "
        f"their leases in memory. Start it with {LEASE_STORAGE}="
        "prefect.server.concurrency.lease_storage.filesystem"
    )


def summary(client: SyncPrefectClient) -> str:
    """The server's work pools and deployments, a line each."""
    pools = [
        f"work pool {pool.name} ({pool.type}), "
        + (f"{pool.concurrency_limit} at a time" if pool.concurrency_limit else "no limit")
        for pool in client.read_work_pools()
    ]
    flows = {flow.id: flow.name for flow in client.read_flows()}
    deployments = [
        f"deployment {flows[deployment.flow_id]}/{deployment.name} on {deployment.work_pool_name}"
        + "".join(
            f", {schedule.slug or 'schedule'} {'on' if schedule.active else 'off'}"
            for schedule in deployment.schedules
        )
        for deployment in client.read_deployments()
    ]
    return "\n".join(sorted(pools) + sorted(deployments))


if __name__ == "__main__":
    bypass_proxies()
    try:
        apply(read_settings(os.environ))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
