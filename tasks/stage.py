"""How a stage meets Prefect: its key, its cached state, its retries. The stages below stay pure.

The store is the cache. A stage whose artifact is there, finished and whole, ends as ``Cached``; a
Prefect result record could outlive a deleted artifact, the manifest cannot.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed
from prefect.tasks import exponential_backoff

from tasks.code_version import code_version
from tasks.config import Parameters
from tasks.retries import may_pass
from tasks.storage import Artifact, Store, fingerprint, remove_abandoned

logger = logging.getLogger(__name__)

Result = TypeVar("Result", bound=Parameters)
P = ParamSpec("P")
Value = TypeVar("Value")


def _retry(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_pass(error)


def outcome(stage: Task[P, Value], *arguments: P.args, **options: P.kwargs) -> Value:
    """Run a stage's task to its end and return its result; its failure is raised here.

    It runs in the calling thread: the signal that cancels a run reaches only the main one.
    """
    state = stage(*arguments, return_state=True, **options)
    return state.result()


# Waits of about 2, 4, 8 s, spread so that many workers do not come back at the same instant.
retried = task(
    retries=3,
    retry_delay_seconds=exponential_backoff(2),
    retry_jitter_factor=0.5,
    retry_condition_fn=_retry,
    persist_result=False,
)


@dataclass(frozen=True)
class Stage(Generic[Result]):
    """A named step: what it returns, and the module whose code its artifacts depend on."""

    name: str
    result: type[Result]
    module: str

    def run(
        self,
        store: Store,
        inputs: dict[str, Any],
        make: Callable[[Artifact], tuple[Result, Iterable[str]]],
        *,
        refresh: bool = False,
    ) -> Result:
        """The stored result for these inputs, or else what ``make`` returns, published.

        ``inputs`` hold everything that decides the content: fingerprints of what is read and the
        parameters. ``make`` fills the artifact's folder and returns its result and its files.
        """
        key = fingerprint(self.name, code_version(self.module), inputs)
        artifact = store.artifact(self.name, key)
        manifest = None if refresh else artifact.manifest()
        # One that was moved names files of the old place, in its result and in its tables.
        if manifest and (manifest.key, manifest.place) == (key, str(artifact.path)):
            logger.info("%s: found in %s", self.name, artifact.path)
            store.point_latest(self.name, key)
            found = self.result.model_validate(manifest.result)
            # A task that returns a state ends in it; Prefect hands the data on.
            return Completed(name="Cached", message=f"{artifact.path}", data=found)  # type: ignore[return-value]
        remove_abandoned(artifact.path)
        result, files = make(artifact)
        artifact.publish(
            self.name,
            key,
            files,
            parameters=fingerprintable(inputs),
            result=result.model_dump(mode="json"),
        )
        store.point_latest(self.name, key)
        return result


def fingerprintable(inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs as plain values, for the manifest."""
    return {
        name: value.model_dump(mode="json") if isinstance(value, Parameters) else value
        for name, value in inputs.items()
    }
