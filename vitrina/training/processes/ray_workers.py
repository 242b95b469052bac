"""A training on the workers of a Ray cluster, with the same code as under torchrun."""

import logging
import tempfile
from collections.abc import Mapping

from vitrina.errors import UserError
from vitrina.execution.progress import terminal_bar
from vitrina.execution.ray_cluster import OPTIONS, address_of, joining
from vitrina.training.distributed import TIMEOUT, LostProcessError
from vitrina.training.job import run_job
from vitrina.training.request import TrainingRequest

logger = logging.getLogger(__name__)


def launch(request: TrainingRequest) -> None:
    """Run the training on ``config.processes`` Ray workers, with a GPU each if the cluster has any.

    Needs the extra ``ray``; the workers must be able to reach the request's paths. It waits until
    the cluster has as many CPUs or GPUs, which a warning says. Raises UserError if a worker does,
    and LostProcessError if one ends in any other way.
    """
    import ray
    from ray.train import RunConfig, ScalingConfig, WorkerGroupError
    from ray.train.torch import TorchConfig, TorchTrainer

    if not ray.is_initialized():
        with joining():
            ray.init(address_of(), **OPTIONS)
    resources = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray does not type it
    use_gpu = request.config.device != "cpu" and bool(resources.get("GPU"))
    if missing := _missing(resources, "GPU" if use_gpu else "CPU", request.config.processes):
        logger.warning("train: waits, because %s", missing)
    with tempfile.TemporaryDirectory(prefix="vitrina-ray-") as scratch:
        trainer = TorchTrainer(
            _run_worker,
            train_loop_config={"request": request.model_dump_json()},
            scaling_config=ScalingConfig(num_workers=request.config.processes, use_gpu=use_gpu),
            torch_config=TorchConfig(timeout_s=int(TIMEOUT.total_seconds())),
            run_config=RunConfig(storage_path=scratch),
        )
        try:
            trainer.fit()
        except WorkerGroupError as error:
            for failure in error.worker_failures.values():
                if isinstance(failure, UserError):
                    raise failure from error
            raise LostProcessError(f"A Ray worker of the training failed: {error}") from error


def _run_worker(config: dict[str, str]) -> None:
    with terminal_bar("train", "step") as bar:
        run_job(TrainingRequest.model_validate_json(config["request"]), bar)


def _missing(resources: Mapping[str, float], kind: str, processes: int) -> str:
    """What a cluster lacks for one CPU or GPU a process; empty if nothing."""
    there = resources.get(kind, 0)
    if there >= processes:
        return ""
    return f"{processes} processes need a {kind} each and the Ray cluster has {there:g}"
