"""A stage as a Prefect task: its state when it is cached, its result, errors and retries."""

import time
from typing import Any

import pytest
from prefect.client.schemas.objects import State
from prefect.logging import disable_run_logger

from tasks.orchestration.stage import StageClock, StageTask, retried_task
from vitrina.config.parameters import Parameters
from vitrina.errors import UserError
from vitrina.store.stage import StageOutcome


class Greeting(Parameters):
    """The result of the stage of these tests."""

    text: str


@StageTask
def greet(name: str, found_in: str = "") -> StageOutcome[Greeting]:
    """Greet somebody."""
    if not name:
        raise UserError("no name")
    return StageOutcome(Greeting(text=f"Привет, {name}"), found_in)


def final_state(*args: str) -> Greeting | State[Greeting]:
    """What the function of the task gives to Prefect."""
    with disable_run_logger():
        returned: Any = greet._task.fn(*args)
    return returned


def test_a_found_result_ends_as_cached() -> None:
    """Prefect gets a state of that name with the folder, instead of the bare result."""
    assert final_state("Анна") == Greeting(text="Привет, Анна")
    cached = final_state("Анна", "/store/greet/k1")
    assert isinstance(cached, State)
    assert (cached.name, cached.message) == ("Cached", "/store/greet/k1")
    assert cached.data == Greeting(text="Привет, Анна")


def test_without_prefect_a_stage_is_its_function() -> None:
    """``fn`` returns the outcome; name and docstring are those of the function."""
    assert greet.fn("Анна").found_in == ""
    assert greet.__name__ == "greet"
    assert greet.__doc__ == "Greet somebody."


@pytest.mark.parametrize(
    ("error", "worth"),
    [(ConnectionError("lost"), True), (UserError("no column"), False), (KeyError("bug"), False)],
)
def test_only_transient_errors_are_retried(error: Exception, worth: bool) -> None:
    """Three times, after about 2, 4 and 8 seconds."""
    condition = retried_task(greet.fn).retry_condition_fn
    assert condition is not None
    failed: State[Any] = State(type="FAILED", data=error)  # type: ignore[arg-type]  # a StateType
    assert condition(greet._task, None, failed) is worth  # type: ignore[arg-type]  # the run is not read
    assert (greet._task.retries, greet._task.retry_delay_seconds) == (3, [2, 4, 8])


def test_a_clock_knows_each_stage_by_its_name() -> None:
    """The time of a call, in seconds; the result is handed on."""

    def nap(seconds: float) -> Greeting:
        time.sleep(seconds)
        return Greeting(text="good morning")

    clock = StageClock()
    assert clock.run(nap, 0.05) == Greeting(text="good morning")
    assert list(clock.seconds) == ["nap"]
    assert 0.05 <= clock.seconds["nap"] < 5
