"""How a stage meets Prefect: a task that retries what is transient and shows what was cached.

The store is the cache. A stage whose artifact is there, finished and whole, ends as ``Cached``; a
Prefect result record could outlive a deleted artifact, the manifest cannot.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed
from prefect.tasks import exponential_backoff

from tasks.orchestration.retries import is_transient
from vitrina.config import Parameters
from vitrina.store.stage import StageOutcome

P = ParamSpec("P")
Result = TypeVar("Result", bound=Parameters)


def _is_worth_a_retry(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)


# Waits of about 2, 4, 8 s, spread so that many workers do not come back at the same instant.
retried_task = task(
    retries=3,
    retry_delay_seconds=exponential_backoff(2),
    retry_jitter_factor=0.5,
    retry_condition_fn=_is_worth_a_retry,
    persist_result=False,
)


def stage_task(stage: Callable[P, StageOutcome[Result]]) -> Callable[P, Result]:
    """A stage as a Prefect task; calling it runs the task and returns the stage's result.

    The task runs in the calling thread, because the signal that cancels a run reaches only the main
    one. Its failure is raised. A result that was found in the store ends the task as ``Cached``.
    """

    @wraps(stage)
    def body(*args: P.args, **kwargs: P.kwargs) -> Result | State[Result]:
        outcome = stage(*args, **kwargs)
        if outcome.found_in:
            return Completed(name="Cached", message=outcome.found_in, data=outcome.result)
        return outcome.result

    prefect_task = retried_task(body)

    @wraps(stage)
    def call(*args: P.args, **kwargs: P.kwargs) -> Result:
        result: Result = prefect_task(*args, return_state=True, **kwargs).result()
        return result

    return call


@dataclass
class StageClock:
    """Runs stages one after another and keeps how long each took, in seconds by its name."""

    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, stage: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        """The stage's result."""
        started = time.perf_counter()
        result = stage(*args, **kwargs)
        self.seconds[stage.__name__] = time.perf_counter() - started
        return result
