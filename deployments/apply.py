"""Apply work pools, the crash watch and the deployments to the server that PREFECT_API_URL names.

    python deployments/apply.py

What stands there already is brought up to date, so a second run changes nothing; a schedule that
was switched on stays on. Settings are environment variables: VITRINA_ and a field's name below.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL
from pydantic import Field, ValidationError

from tasks.config import Parameters, PipelineConfig
from tasks.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "VITRINA_"
PIPELINE = ("flows/pipeline.py:pipeline", "pipeline/cpu")
TRAINING = "train-model/gpu"
TAG = "vitrina"
CRASH_WATCH = "vitrina: a run without a heartbeat has crashed"


class Settings(Parameters):
    """What differs between one team's service and another's."""

    home: str = Field(str(ROOT), description="Folder of the clone on the workers (/app in Docker).")
    config: Path = Field(
        ROOT / "flows" / "demo.yaml",
        description="The deployed pipeline's parameters, as for its --config. Training goes to "
        f"{TRAINING} unless the file names another training_deployment.",
    )
    pool_type: Literal["process", "docker", "kubernetes"] = Field(
        "process", description="What a worker starts for a run."
    )
    image: str = Field("vitrina:latest", description="Image of a docker or kubernetes run.")
    gpu_slots: int = Field(1, ge=1, description="Runs that the gpu pool holds at a time.")
    crash_seconds: int = Field(
        90, ge=10, description="A run silent for so long has crashed: three heartbeats."
    )


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that the environment names; an empty variable is as good as none."""
    given = {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if environment.get(PREFIX + name.upper())
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise UserError(_told(error, PREFIX, str.upper)) from None


def pipeline_parameters(path: Path) -> dict[str, Any]:
    """The pipeline's parameters of a YAML file, checked; UserError names what is wrong in it."""
    try:
        values = {"training_deployment": TRAINING} | yaml.safe_load(path.read_text("utf-8"))
        return PipelineConfig.model_validate(values).model_dump(mode="json", exclude_unset=True)
    except OSError as error:
        raise UserError(f"{PREFIX}CONFIG: {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, TypeError) as error:
        raise UserError(f"{path} is no YAML mapping of parameters: {error}") from error
    except ValidationError as error:
        raise UserError(_told(error, f"{path}: ")) from None


def _told(error: ValidationError, prefix: str, style: Any = str) -> str:
    return "; ".join(
        f"{prefix}{style('.'.join(map(str, wrong['loc'])))}: {wrong['msg']}, got {wrong['input']!r}"
        for wrong in error.errors(include_url=False)
    )


def job_template(default: dict[str, Any], settings: Settings, *, gpu: bool) -> dict[str, Any]:
    """Prefect's job template of the pool's type, with our image and, for ``gpu``, a GPU per run."""
    template = deepcopy(default)
    if settings.pool_type == "process":
        return template
    template["variables"]["properties"]["image"]["default"] = settings.image
    job = template["job_configuration"]
    if gpu and settings.pool_type == "docker":
        device = {"Driver": "nvidia", "Count": 1, "Capabilities": [["gpu"]]}
        job["container_create_kwargs"] = {"device_requests": [device]}
    elif gpu:
        container = job["job_manifest"]["spec"]["template"]["spec"]["containers"][0]
        container["resources"]["limits"]["nvidia.com/gpu"] = 1
    return template


def apply_pools(client: SyncPrefectClient, settings: Settings) -> None:
    """The two work pools; only GPUs are counted."""
    apply_pool(client, "cpu", settings, slots=None)
    apply_pool(client, "gpu", settings, slots=settings.gpu_slots)


def apply_pool(client: SyncPrefectClient, name: str, settings: Settings, slots: int | None) -> None:
    """Create the work pool, or bring its template and its limit of ``slots`` runs up to date."""
    kind = settings.pool_type
    known = client.read_worker_metadata()
    default = next(types[kind] for types in known.values() if kind in types)
    template = job_template(
        default["default_base_job_configuration"], settings, gpu=slots is not None
    )
    try:
        existing = client.read_work_pool(name)
    except ObjectNotFound:
        pool = WorkPoolCreate(
            name=name, type=kind, base_job_template=template, concurrency_limit=slots
        )
        client.create_work_pool(pool)
        return
    if existing.type != kind:
        raise UserError(
            f"Work pool {name!r} is of type {existing.type}, {PREFIX}POOL_TYPE asks for {kind}. "
            f"Delete it first: prefect work-pool delete {name}"
        )
    client.update_work_pool(
        name, WorkPoolUpdate(base_job_template=template, concurrency_limit=slots)
    )


def crash_watch(seconds: int) -> AutomationCore:
    """A run of ours that is silent for ``seconds`` while it runs is marked Crashed.

    Without it a run whose machine died stays Running for ever, and keeps its slots. Only runs with
    our tag are watched: others may send a heartbeat every three minutes, Prefect's default.
    """
    return AutomationCore(
        name=CRASH_WATCH,
        description="Marks a run whose process or machine is gone, which frees its slots.",
        trigger=EventTrigger(
            match_related=ResourceSpecification.model_validate(
                {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}
            ),
            after={"prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
            expect={"prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=seconds),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                message=f"No heartbeat for {seconds} s: the flow's process or machine is gone.",
            )
        ],
    )


def apply_crash_watch(client: SyncPrefectClient, seconds: int) -> None:
    """Create the automation, or bring it up to date.

    An update makes it forget the heartbeats it has seen, and with them a run that died a moment
    ago: what is right already is left alone.
    """
    watch = crash_watch(seconds)
    existing = client.read_automations_by_name(CRASH_WATCH)
    if not existing:
        client.create_automation(watch)
    elif existing[0].model_dump(include=set(AutomationCore.model_fields)) != watch.model_dump():
        client.update_automation(existing[0].id, watch)


def schedules_switched_on(client: SyncPrefectClient) -> set[str]:
    """The slugs of the pipeline's schedules that somebody has switched on."""
    try:
        deployment = client.read_deployment_by_name(PIPELINE[1])
    except ObjectNotFound:
        return set()
    return {schedule.slug for schedule in deployment.schedules if schedule.active and schedule.slug}


def filled_in(description: str, parameters: dict[str, Any], switched_on: set[str]) -> str:
    """prefect.yaml with the pipeline's parameters, and its schedules on where they were on."""
    content = yaml.safe_load(description)
    pipeline = next(d for d in content["deployments"] if d["entrypoint"] == PIPELINE[0])
    pipeline["parameters"] = {"config": parameters}
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
    with get_client(sync_client=True) as client:
        apply_pools(client, settings)
        apply_crash_watch(client, settings.crash_seconds)
        switched_on = schedules_switched_on(client)
        deploy(filled_in(description, parameters, switched_on), settings.home)
        print(summary(client))


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
