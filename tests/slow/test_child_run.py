"""A child run on another pool as its parent sees it; the API sets the child's states."""

import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import httpx
import pytest
from prefect import flow, runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, LogCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import Abort, CancelledRun, CrashedRun, FailedRun
from prefect.settings import PREFECT_API_URL, PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect.states import Cancelled, Cancelling, Completed, Crashed, Failed, Late

from tasks.orchestration import child_run
from tasks.orchestration.child_run import LostContactError, run_in_deployment
from tests.support.processes import eventually
from tests.support.servers import Server
from tests.support.standin import Wish
from vitrina.errors import UserError

pytestmark = pytest.mark.slow

CHILD = "child/nobody"


@pytest.fixture
def connected(server: Server) -> Iterator[Server]:
    """The server, with this process as a client, and a deployment that no worker runs."""
    server.deploy_standin("child", "nobody")
    # Log lines not yet sent when the server stops would be retried for a minute.
    quiet = {PREFECT_API_URL: server.api, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(quiet):
        yield server


@contextmanager
def set_states(server: Server, *states: Callable[[], State[Any]]) -> Iterator[list[UUID]]:
    """Set each new child to the next of the states; yields the ids of these children."""
    known = {run.id for run in server.runs(CHILD)}
    seen: list[UUID] = []

    def watch() -> None:
        for state in states:
            run = eventually(lambda: next(iter(new(known)), None), 30, "a child", pause=0.1)
            known.add(run.id)
            seen.append(run.id)
            with server.client() as client:
                client.set_flow_run_state(run.id, state(), force=True)

    def new(known: set[UUID]) -> list[FlowRun]:
        return [run for run in server.runs(CHILD) if run.id not in known]

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    thread.join()


@flow
def caller(deployment: str, config: Wish) -> None:
    """A parent, run by the test itself."""
    run_in_deployment(deployment, config, poll_seconds=0.1)


@pytest.fixture
def wish(tmp_path: Path) -> Wish:
    """The parameters of the child."""
    return Wish(end="complete", folder=str(tmp_path))


def test_waits_for_the_child_and_passes_the_parameters(connected: Server, wish: Wish) -> None:
    """The parent returns when the child has completed; the child gets the same config, and name."""
    name = "catalog.parquet 2026-11-27 02:05"
    with set_states(connected, Completed) as seen:
        caller.with_options(flow_run_name=name)(CHILD, wish)
    with connected.client() as client:
        child = client.read_flow_run(seen[0])
    assert child.parameters == {"config": wish.model_dump()}
    assert child.name == name
    assert child.parent_task_run_id is not None


def test_shows_the_progress_and_the_log_of_the_child(
    connected: Server, wish: Wish, caplog: pytest.LogCaptureFixture
) -> None:
    """The parent has the child's bar, where it ended, and each line of our modules once."""

    def finished() -> State[Any]:
        child = max(connected.runs(CHILD), key=lambda run: str(run.created)).id
        with connected.client() as client:
            client.create_artifact(
                ArtifactCreate(key="train", type="progress", data=75.0, flow_run_id=child)
            )
            client.create_logs(
                [
                    LogCreate(name=name, level=20, message=text, timestamp=time_, flow_run_id=child)
                    for name, text, time_ in (
                        ("vitrina.training.loop", "train: epoch 1", datetime.now(UTC)),
                        ("prefect.flow_runs", "Finished", datetime.now(UTC)),
                    )
                ]
            )
        return Completed()

    parents: list[UUID] = []

    @flow
    def parent() -> None:
        parents.append(UUID(str(runtime.flow_run.id)))
        run_in_deployment(CHILD, wish, poll_seconds=0.1)

    with set_states(connected, finished), caplog.at_level(logging.INFO):
        parent()
    of_parent = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=parents))
    with connected.client() as client:
        (bar,) = client.read_artifacts(artifact_filter=of_parent)
    assert (bar.key, bar.type, bar.data) == ("train", "progress", 75.0)
    assert caplog.text.count("child/nobody: train: epoch 1") == 1
    assert "child/nobody: Finished" not in caplog.text


def test_tells_why_the_child_failed(connected: Server, wish: Wish) -> None:
    """The parent raises an error with the deployment, the reason and the log's address."""
    with (
        set_states(connected, lambda: Failed(message="no image left.")) as seen,
        pytest.raises(FailedRun, match=r"nobody failed \(run [\w-]+\): no image left\.") as raised,
    ):
        caller(CHILD, wish)
    assert f"{connected.url}/runs/flow-run/{seen[0]}" in str(raised.value)


def test_does_not_restart_a_cancelled_child(connected: Server, wish: Wish) -> None:
    """A cancelled child ends the parent, and no second child is started."""
    before = len(connected.runs(CHILD))
    with set_states(connected, Cancelled), pytest.raises(CancelledRun, match="cancelled"):
        caller(CHILD, wish)
    assert len(connected.runs(CHILD)) == before + 1


def test_replaces_a_crashed_child(connected: Server, wish: Wish) -> None:
    """A lost worker does not end the pipeline."""
    with set_states(connected, Crashed, Completed) as seen:
        caller(CHILD, wish)
    assert len(set(seen)) == 2


def test_gives_up_after_the_third_crash(connected: Server, wish: Wish) -> None:
    """A child that keeps crashing is started three times."""
    before = len(connected.runs(CHILD))
    with (
        set_states(connected, Crashed, Crashed, Crashed),
        pytest.raises(CrashedRun, match="crashed"),
    ):
        caller(CHILD, wish)
    assert len(connected.runs(CHILD)) == before + 3


def test_names_the_pool_that_lacks_a_worker(
    connected: Server, wish: Wish, caplog: pytest.LogCaptureFixture
) -> None:
    """If no worker takes the child, a warning says how to start one."""

    def late_then_done() -> State[Any]:
        with connected.client() as client:
            run = connected.runs(CHILD)
            client.set_flow_run_state(max(run, key=lambda r: str(r.created)).id, Late(), force=True)
        time.sleep(1)
        return Completed()

    with set_states(connected, late_then_done):
        caller(CHILD, wish)
    assert "prefect worker start --pool nobody" in caplog.text


@pytest.mark.usefixtures("connected")
def test_an_unknown_deployment_is_a_user_error(wish: Wish) -> None:
    """A wrong name is an error at once, which says what to do."""
    with pytest.raises(UserError, match=r"no deployment 'train-model/tpu'.*make deploy"):
        caller("train-model/tpu", wish)


def fail_reads(
    monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception], times: float = math.inf
) -> None:
    """Let the first ``times`` reads of a run's state by the parent fail."""
    failures = itertools.count()

    def failing_client(*, sync_client: Literal[True]) -> SyncPrefectClient:
        client = get_client(sync_client=sync_client)
        read = client.read_flow_run

        def failing(run: UUID) -> FlowRun:
            if next(failures) < times:
                raise error()
            return read(run)

        monkeypatch.setattr(client, "read_flow_run", failing)
        return client

    monkeypatch.setattr(child_run, "get_client", failing_client)


def unavailable() -> httpx.HTTPStatusError:
    """The answer of a server that is starting, or of a proxy before it."""
    request = httpx.Request("GET", "http://server/api")
    return httpx.HTTPStatusError("503", request=request, response=httpx.Response(503))


def refused() -> httpx.ConnectError:
    """The error of a server that is down."""
    return httpx.ConnectError("refused")


@pytest.mark.parametrize("error", [unavailable, refused])
def test_keeps_asking_while_the_server_is_away(
    connected: Server,
    wish: Wish,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Callable[[], Exception],
) -> None:
    """An error of polling is no reason to end; it is logged."""
    fail_reads(monkeypatch, error, times=2)
    with set_states(connected, Completed):
        caller(CHILD, wish)
    assert "does not answer" in caplog.text


def test_gives_up_a_child_that_it_cannot_see_without_cancelling_it(
    connected: Server, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a long outage the parent fails and says what to do; the child goes on, and alone."""
    before = len(connected.runs(CHILD))
    monkeypatch.setattr(child_run, "OUTAGE_SECONDS", 0.5)
    fail_reads(monkeypatch, refused)
    with pytest.raises(LostContactError, match="may still be running; start this run again"):
        caller(CHILD, wish)
    monkeypatch.undo()
    runs = connected.runs(CHILD)
    assert len(runs) == before + 1
    assert max(runs, key=lambda run: str(run.created)).state_name in ("Scheduled", "Late")


def test_a_cancelled_parent_without_a_worker_ends_as_cancelled(
    connected: Server, wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker sends a signal: the parent cancels its child and reports its own end."""
    monkeypatch.setattr(child_run, "SIGNAL_SECONDS", 0.5)
    parents: list[UUID] = []

    @flow
    def cancelled_caller() -> None:
        parents.append(UUID(runtime.flow_run.id))
        caller.fn(CHILD, wish)

    def cancel_parent() -> State[Any]:
        with connected.client() as client:
            client.set_flow_run_state(parents[0], Cancelling())
        return eventually(lambda: final(connected), 30, "the end of the child")

    with set_states(connected, cancel_parent), pytest.raises(Abort):
        cancelled_caller()
    assert connected.state(parents[0]).is_cancelled()


def test_a_deleted_child_ends_the_parent(connected: Server, wish: Wish) -> None:
    """Deleted in the UI it is as good as cancelled."""
    known = {run.id for run in connected.runs(CHILD)}

    def delete() -> None:
        new = eventually(lambda: {run.id for run in connected.runs(CHILD)} - known, 30, "a child")
        with connected.client() as client:
            client.delete_flow_run(new.pop())

    thread = threading.Thread(target=delete)
    thread.start()
    with pytest.raises(CancelledRun, match="has been deleted"):
        caller(CHILD, wish)
    thread.join()


def final(server: Server) -> State[Any] | None:
    """The final state of the newest child, if it has one."""
    newest = max(server.runs(CHILD), key=lambda run: str(run.created))
    return newest.state if newest.state and newest.state.is_final() else None
