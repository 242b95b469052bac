"""The work pools: whose workers start runs as processes, Docker containers or Kubernetes jobs."""

from copy import deepcopy
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from settings import PREFIX, Settings

from vitrina.errors import UserError


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
