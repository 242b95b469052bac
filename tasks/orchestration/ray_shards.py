"""Where shards are worked on: in this process, or on Ray through Prefect's own task runner.

On Ray each shard is a run of the task ``shard``, a child of the stage's, seen in the Prefect UI and
retried_task there; a shard whose worker process or machine is lost is given by Ray to another.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.orchestration.stage import retried_task
from vitrina.config import TrainConfig
from vitrina.errors import UserError
from vitrina.execution.ray_cluster import OPTIONS, address_of, joining
from vitrina.execution.shard_map import Shard, ShardMap, ShardResult
from vitrina.store.code_version import code_version

if TYPE_CHECKING:
    from prefect_ray.task_runners import PrefectRayFuture


logger = logging.getLogger(__name__)

THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
SHARDS_PER_CPU = 2  # given out ahead, so that no worker waits and memory stays flat


class LostWorkerError(ConnectionError):
    """The cluster is out of reach, or lost a shard more often than it tries; this may pass."""


def check_executor(executor: str) -> None:
    """Refuse a runner that cannot work here, before anything runs.

    Raises UserError if the extra is not installed, or if the workers of another machine would have
    to report to this process's own Prefect server.
    """
    if executor == "threads":
        return
    _need_ray(f"runner: {executor}")
    address = address_of(executor)
    host = urlsplit(address).hostname
    if host and host not in THIS_MACHINE and not PREFECT_API_URL.value():
        raise UserError(
            f"The workers of {address} cannot reach the Prefect server that this process starts "
            "for itself. Set PREFECT_API_URL to a server that they reach, or leave runner: threads."
        )


def check_launcher(config: TrainConfig) -> None:
    """Refuse to train on Ray where it is not installed, before anything runs."""
    if config.processes > 1 and config.launcher == "ray":
        _need_ray("launcher: ray")


def _need_ray(setting: str) -> None:
    try:
        import prefect_ray  # noqa: F401 - only whether they are there
        import ray  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"{setting} needs Ray, which is not installed ({error}). "
            "Install it from the clone: pip install -c constraints.txt '.[ray]'"
        ) from error


@contextmanager
def shard_map(
    stage: str, executor: str, gpus: Callable[[bool], float] = lambda _cluster_has_gpus: 0
) -> Iterator[ShardMap | None]:
    """A map of shards on Ray, which is started or connected to when the first shard comes.

    None stands for this process. ``gpus`` tells, knowing whether the cluster has any, how many a
    shard takes. Raises UserError as :func:`check_executor`.
    """
    if executor == "threads":
        yield None
        return
    check_executor(executor)
    with ExitStack() as opened:
        yield _RayShards(stage, address_of(executor), gpus, opened).map


@dataclass
class _RayShards:
    stage: str
    address: str
    gpus: Callable[[bool], float]
    opened: ExitStack
    given: "deque[PrefectRayFuture[Any]]" = field(default_factory=deque)

    def map(
        self, work: Callable[[Shard], ShardResult], shards: Iterable[Shard], /
    ) -> Iterator[ShardResult]:
        """What the work makes of each shard, in their order."""
        submit: Callable[..., PrefectRayFuture[Any]] | None = None
        ahead, version = 0, code_version(_module(work))
        for number, shard in enumerate(shards):
            if submit is None:
                submit, ahead = self._open()
            self.given.append(submit(self.stage, number, partial(work, shard), version))
            if len(self.given) > ahead:
                yield _made(self.given.popleft())
        while self.given:
            yield _made(self.given.popleft())

    def _open(self) -> "tuple[Callable[..., PrefectRayFuture[Any]], int]":
        """How to give a shard to the cluster, and how many to give out ahead."""
        import ray
        from prefect_ray import RayTaskRunner
        from prefect_ray.context import remote_options

        executor = RayTaskRunner(address=self.address, init_kwargs=OPTIONS)
        with joining(), _connecting(self.address):
            self.opened.enter_context(executor)
        self.opened.callback(self._cancel)
        resources = ray.cluster_resources()  # type: ignore[no-untyped-call]  # ray leaves it untyped
        gpus = self.gpus(resources.get("GPU", 0) > 0)
        if gpus and not resources.get("GPU"):
            logger.warning("%s: its shards wait until the Ray cluster has a GPU", self.stage)

        def submit(
            stage: str, number: int, work: Callable[[], Any], version: str
        ) -> "PrefectRayFuture[Any]":
            parameters = {"stage": stage, "number": number, "work": work, "version": version}
            # Workers report to this run's server, also where that is this process's own.
            api = {PREFECT_API_URL: str(get_client(sync_client=True).api_url)}
            with temporary_settings(api), remote_options(num_gpus=gpus):
                return executor.submit(shard_task, parameters)

        return submit, SHARDS_PER_CPU * max(1, int(resources.get("CPU", 1)))

    def _cancel(self) -> None:
        """Take back what was given out when the stage ends early."""
        import ray

        for future in self.given:
            ray.cancel(future.wrapped_future)


def _made(future: "PrefectRayFuture[Any]") -> Any:
    from ray.exceptions import RayError, RayTaskError

    try:
        return future.result()
    except RayTaskError:  # raised by the shard's run, not by the cluster
        raise
    except RayError as error:
        raise LostWorkerError(f"Ray lost the worker of a shard: {error}") from error


def _work(stage: str, number: int, work: Callable[[], ShardResult], version: str) -> ShardResult:  # noqa: ARG001
    """A shard on a worker; ``stage`` and ``number`` name its run.

    Raises UserError if the worker's code is not the caller's, as it would make other results.
    """
    module = _module(work)
    if code_version(module) != version:
        raise UserError(
            f"A Ray worker has another version of {module} than this run. Install the same "
            "Vitrina on all machines of the cluster."
        )
    return work()


shard_task = retried_task(_work).with_options(name="shard", task_run_name="{stage}-{number:05d}")


def _module(work: Callable[..., object]) -> str:
    while isinstance(work, partial):
        work = work.func
    return work.__module__


@contextmanager
def _connecting(address: str) -> Iterator[None]:
    """Ray says that it waited in vain, but neither for whom nor that a token may be missing."""
    try:
        yield
    except ConnectionError as error:
        raise LostWorkerError(
            f"No Ray cluster answers at {address} ({error}). For one that asks for a token set "
            "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH."
        ) from error
