"""Computing shards on Ray, through Prefect's own task runner.

Each shard is a run of the task ``shard``, a child of the stage's run, visible and retried in
Prefect. If the worker of a shard is lost, Ray gives the shard to another worker.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from tasks.orchestration.executor import check_executor
from tasks.orchestration.stage import retried_task
from vitrina.errors import UserError
from vitrina.execution.ray_cluster import OPTIONS, address_of, joining
from vitrina.execution.shard_map import Shard, ShardMap, ShardResult
from vitrina.store.code_version import code_version

if TYPE_CHECKING:
    from prefect_ray.task_runners import PrefectRayFuture

logger = logging.getLogger(__name__)

SHARDS_PER_CPU = 2  # submitted ahead: enough that no worker waits, few enough for memory


class LostWorkerError(ConnectionError):
    """The cluster cannot be reached, or lost a shard more often than it retries; transient."""


@contextmanager
def shard_map(
    stage: str, executor: str, gpus: Callable[[bool], float] = lambda _cluster_has_gpus: 0
) -> Iterator[ShardMap | None]:
    """A map that computes shards on Ray; None if the executor is this process.

    Ray is started or connected to with the first shard. ``gpus`` returns the GPUs that a shard
    uses, given whether the cluster has any. Raises UserError as :func:`check_executor` does.
    """
    if executor == "threads":
        yield None
        return
    check_executor(executor)
    with ExitStack() as resources:
        yield _RayShards(stage, address_of(executor), gpus, resources).map


@dataclass
class _RayShards:
    """The shards of one stage on a cluster; ``resources`` closes the connection to it."""

    stage: str
    address: str
    gpus: Callable[[bool], float]
    resources: ExitStack
    submitted: "deque[PrefectRayFuture[Any]]" = field(default_factory=deque)

    def map(
        self, work: Callable[[Shard], ShardResult], shards: Iterable[Shard], /
    ) -> Iterator[ShardResult]:
        """The results of the shards, in their order."""
        submit: Callable[..., PrefectRayFuture[Any]] | None = None
        ahead, version = 0, code_version(_entry(work))
        for number, shard in enumerate(shards):
            if submit is None:
                submit, ahead = self._open()
            self.submitted.append(submit(self.stage, number, partial(work, shard), version))
            if len(self.submitted) > ahead:
                yield _result(self.submitted.popleft())
        while self.submitted:
            yield _result(self.submitted.popleft())

    def _open(self) -> "tuple[Callable[..., PrefectRayFuture[Any]], int]":
        """Connect; returns a function that submits a shard, and how many to submit ahead."""
        import ray
        from prefect_ray import RayTaskRunner
        from prefect_ray.context import remote_options

        executor = RayTaskRunner(address=self.address, init_kwargs=OPTIONS)
        with joining(), _connecting(self.address):
            self.resources.enter_context(executor)
        self.resources.callback(self._cancel)
        cluster = ray.cluster_resources()  # type: ignore[no-untyped-call]  # ray leaves it untyped
        gpus = self.gpus(cluster.get("GPU", 0) > 0)
        if gpus and not cluster.get("GPU"):
            logger.warning("%s: shards wait until the Ray cluster has a GPU", self.stage)

        def submit(
            stage: str, number: int, work: Callable[[], Any], version: str
        ) -> "PrefectRayFuture[Any]":
            parameters = {"stage": stage, "number": number, "work": work, "version": version}
            # Workers report to the server of this run, even if this process started it.
            api = {PREFECT_API_URL: str(get_client(sync_client=True).api_url)}
            with temporary_settings(api), remote_options(num_gpus=gpus):
                return executor.submit(shard_task, parameters)

        return submit, SHARDS_PER_CPU * max(1, int(cluster.get("CPU", 1)))

    def _cancel(self) -> None:
        """Cancel the shards that are still submitted when the stage ends early."""
        import ray

        for future in self.submitted:
            ray.cancel(future.wrapped_future)


def _result(future: "PrefectRayFuture[Any]") -> Any:
    from ray.exceptions import RayError, RayTaskError

    try:
        return future.result()
    except RayTaskError:  # raised by the shard itself, not by the cluster
        raise
    except RayError as error:
        raise LostWorkerError(f"Ray lost the worker of a shard: {error}") from error


def _compute_shard(
    stage: str,  # noqa: ARG001 - in the name of the run
    number: int,  # noqa: ARG001 - in the name of the run
    work: Callable[[], ShardResult],
    version: str,
) -> ShardResult:
    """Compute a shard on a worker.

    Raises UserError if the worker's code differs from the caller's, whose version is in the key.
    """
    entry = _entry(work)
    if code_version(entry) != version:
        raise UserError(
            f"A Ray worker has another version of {entry} than this run. Install the same "
            "Vitrina on all machines of the cluster."
        )
    return work()


shard_task = retried_task(_compute_shard).with_options(
    name="shard", task_run_name="{stage}-{number:05d}"
)


def _entry(work: Callable[..., object]) -> str:
    """The ``module:function`` of a function, also if some of its arguments are bound."""
    while isinstance(work, partial):
        work = work.func
    return f"{work.__module__}:{work.__qualname__}"


@contextmanager
def _connecting(address: str) -> Iterator[None]:
    """Add the address, and the hint that a token may be missing, to Ray's error of a timeout."""
    try:
        yield
    except ConnectionError as error:
        raise LostWorkerError(
            f"No Ray cluster answers at {address} ({error}). If it requires a token, set "
            "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH."
        ) from error
