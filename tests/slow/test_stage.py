"""A stage as a task of a real Prefect run."""

from collections.abc import Iterator

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.testing.utilities import prefect_test_harness

from tasks.orchestration.stage import StageTask
from vitrina.config.catalog import CleanConfig
from vitrina.errors import UserError
from vitrina.store.stage import StageOutcome

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """A Prefect server of these tests."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


@StageTask
def stage(attempts: list[int], error: type[Exception] | None, found_in: str = "") -> StageOutcome:  # type: ignore[type-arg]
    """A stage that fails as it is told."""
    attempts.append(1)
    if error is not None:
        raise error("no")
    return StageOutcome(CleanConfig(), found_in)


def states() -> list[tuple[str | None, str]]:
    """Name and message of the final states of all tasks, in the order of their starts."""
    with get_client(sync_client=True) as client:
        runs = sorted(client.read_task_runs(), key=lambda run: run.expected_start_time or 0)
    return [(run.state_name, run.state.message or "") for run in runs if run.state]


def test_the_ui_shows_what_was_cached() -> None:
    """The result is the same; the state says in which folder it was found."""

    @flow
    def run() -> tuple[CleanConfig, CleanConfig]:
        return stage([], None), stage([], None, "/store/clean/k1")

    assert run() == (CleanConfig(), CleanConfig())
    assert states() == [("Completed", ""), ("Cached", "/store/clean/k1")]


def test_a_wrong_input_is_raised_after_one_attempt() -> None:
    """UserError is permanent."""
    attempts: list[int] = []

    @flow
    def run() -> None:
        stage(attempts, UserError)

    with pytest.raises(UserError, match="no"):
        run()
    assert len(attempts) == 1
