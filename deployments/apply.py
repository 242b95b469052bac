"""Apply work pools, the crash watch and the deployments to the server that PREFECT_API_URL names.

    python deployments/apply.py

What stands there already is brought up to date, so a second run changes nothing; a schedule that
was switched on stays on. What can be set is in settings.py.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from crash_watch import apply_crash_watch
from pools import apply_pools
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL
from settings import PREFIX, ROOT, Settings, pipeline_parameters, read_settings

from vitrina.config import PipelineConfig
from vitrina.errors import UserError

PIPELINE = ("flows/pipeline.py:pipeline", "pipeline/cpu")
ROLL_BACK = "flows/roll_back.py:roll_back"


def schedules_switched_on(client: SyncPrefectClient) -> set[str]:
    """The slugs of the pipeline's schedules that somebody has switched on."""
    try:
        deployment = client.read_deployment_by_name(PIPELINE[1])
    except ObjectNotFound:
        return set()
    return {schedule.slug for schedule in deployment.schedules if schedule.active and schedule.slug}


def filled_in(description: str, parameters: dict[str, Any], switched_on: set[str]) -> str:
    """prefect.yaml with the pipeline's parameters, and its schedules on where they were on.

    A roll-back is in the pipeline's output unless another is given.
    """
    content = yaml.safe_load(description)
    by_entrypoint = {one["entrypoint"]: one for one in content["deployments"]}
    pipeline = by_entrypoint[PIPELINE[0]]
    pipeline["parameters"] = {"config": parameters}
    output = PipelineConfig.model_validate(parameters).output
    by_entrypoint[ROLL_BACK]["parameters"] = {"config": {"output": output}}
    for schedule in pipeline["schedules"]:
        schedule["active"] = schedule["active"] or schedule["slug"] in switched_on
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def check_flows(description: str) -> None:
    """Import every flow: for a broken one Prefect would deploy an empty form, without a word."""
    for deployment in yaml.safe_load(description)["deployments"]:
        load_flow_from_entrypoint(f"{ROOT}/{deployment['entrypoint']}", use_placeholder_flow=False)


def deploy(description: str, home: str) -> None:
    """Let Prefect apply a prefect.yaml; shows its output and exits with its code if it refuses."""
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
    """Bring the server to what this folder describes."""
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
        switched_on = schedules_switched_on(client)
        deploy(filled_in(description, parameters, switched_on), settings.workers_home)
        print(summary(client))


@contextmanager
def reachable() -> Iterator[None]:
    """Tell what to do when the server does not answer or does not let us in."""
    try:
        yield
    except httpx.TransportError as error:
        raise UserError(f"No Prefect server answers at {PREFECT_API_URL.value()}.") from error
    except PrefectHTTPStatusError as error:
        if error.response.status_code != httpx.codes.UNAUTHORIZED:
            raise
        raise UserError(
            f"{PREFECT_API_URL.value()} asks for credentials: set PREFECT_API_AUTH_STRING to "
            "name:password."
        ) from error


def summary(client: SyncPrefectClient) -> str:
    """What stands on the server now, a line each."""
    pools = [
        f"work pool {pool.name} ({pool.type}), "
        + (f"{pool.concurrency_limit} at a time" if pool.concurrency_limit else "no limit")
        for pool in client.read_work_pools()
    ]
    flows = {flow.id: flow.name for flow in client.read_flows()}
    deployments = [
        f"deployment {flows[deployment.flow_id]}/{deployment.name} on {deployment.work_pool_name}"
        + "".join(
            f", {schedule.slug} {'on' if schedule.active else 'off'}"
            for schedule in deployment.schedules
        )
        for deployment in client.read_deployments()
    ]
    return "\n".join(sorted(pools) + sorted(deployments))


if __name__ == "__main__":
    try:
        apply(read_settings(os.environ))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
