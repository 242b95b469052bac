"""A stage as a Prefect task, which retries transient errors and shows cached results as such.

The store is the cache, not Prefect's results: these could outlive a deleted artifact, whereas an
artifact without all of its files does not count. A stage whose artifact is found ends ``Cached``.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import update_wrapper, wraps
from typing import Any, Generic, ParamSpec, TypeVar

from prefect import Task, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import Abort, CancelledRun, TerminationSignal
from prefect.states import Cancelled, Completed
from prefect.tasks import exponential_backoff

from tasks.orchestration.retries import is_transient
from vitrina.config.parameters import Parameters
from vitrina.store.stage import StageOutcome

P = ParamSpec("P")
Result = TypeVar("Result", bound=Parameters)
Value = TypeVar("Value")


def _is_worth_a_retry(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)


# Waits of about 2, 4 and 8 s, with jitter so that many workers do not retry at the same time.
retried_task = task(
    retries=3,
    retry_delay_seconds=exponential_backoff(2),
    retry_jitter_factor=0.5,
    retry_condition_fn=_is_worth_a_retry,
    persist_result=False,
)


class StageTask(Generic[P, Result]):
    """A stage as a Prefect task: calling it runs the task and returns the stage's result.

    The task runs in the calling thread, because the signal that cancels a run reaches the main
    thread only. If the result was found in the store, the task's final state is named ``Cached``.
    Errors of the stage are raised. ``fn`` is the stage without Prefect.
    """

    def __init__(self, fn: Callable[P, StageOutcome[Result]]) -> None:
        self.fn = fn
        self._task: Task[P, Any] = retried_task(self._body())
        update_wrapper(self, fn)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result:
        state: State[Result] = self._task(*args, return_state=True, **kwargs)
        return state.result()

    def _body(self) -> Callable[P, Any]:
        @wraps(self.fn)
        def body(*args: P.args, **kwargs: P.kwargs) -> Result | State[Result]:
            try:
                outcome = self.fn(*args, **kwargs)
            except (TerminationSignal, CancelledRun, Abort) as error:
                # Prefect would call the first Crashed and the second Failed.
                reason = str(error) if isinstance(error, CancelledRun) else "The run was cancelled."
                return Cancelled(message=reason, data=error)
            if outcome.found_in:  # Prefect takes a returned state as the final one
                return Completed(name="Cached", message=outcome.found_in, data=outcome.result)
            return outcome.result

        return body


@dataclass
class StageClock:
    """Measures how long each of several stages takes, in seconds by name."""

    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, stage: Callable[P, Value], *args: P.args, **kwargs: P.kwargs) -> Value:
        """Run a stage and return its result."""
        started = time.perf_counter()
        result = stage(*args, **kwargs)
        self.seconds[stage.__name__] = time.perf_counter() - started
        return result
