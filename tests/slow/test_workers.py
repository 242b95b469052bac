"""Runs on real workers: taken, seen, killed, cancelled; with flows that stand in for the stages."""

import os
import signal
import time
from pathlib import Path
from uuid import UUID

import pytest
from crash_watch import apply_crash_watch
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import Cancelling

from tests.support.processes import eventually
from tests.support.servers import Server, Worker, running_worker

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _standins(server: Server) -> None:
    server.deploy_standin("parent", "cpu")
    server.deploy_standin("child", "gpu", slots=1)


def begun(folder: Path) -> int:
    """The process of the child that writes to this folder, once it has begun."""
    told = folder / "begun"
    eventually(lambda: told.exists() and bool(told.read_text()), 60, "a child")
    return int(told.read_text())


def stage_state(server: Server, run: UUID) -> str | None:
    """How the UI shows the stage of a parent run."""
    one = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    with server.client() as client:
        tasks = client.read_task_runs(flow_run_filter=one)
    return next(task.state_name for task in tasks if task.name.startswith("stage"))


def cancel(server: Server, run: UUID) -> None:
    """What the UI's Cancel button does."""
    with server.client() as client:
        client.set_flow_run_state(run, Cancelling())


@pytest.mark.usefixtures("workers")
def test_the_child_runs_on_the_gpu_pool_below_its_parent(server: Server, tmp_path: Path) -> None:
    """A worker takes the parent, another one the child; both complete, the UI shows them nested."""
    parent = server.start("parent/cpu", config={"end": "complete", "folder": str(tmp_path)})
    assert server.final(parent.id, 60).is_completed()
    (child,) = server.children(parent.id)
    assert child.state_name == "Completed"
    assert (child.work_pool_name, parent.work_pool_name) == ("gpu", "cpu")
    assert (tmp_path / "parent done").exists()


@pytest.mark.usefixtures("workers")
def test_a_killed_process_is_a_crashed_run_and_a_new_child_goes_on(
    server: Server, tmp_path: Path
) -> None:
    """After kill -9 in mid-run the worker reports it, and the parent starts another child."""
    parent = server.start("parent/cpu", config={"end": "wait", "folder": str(tmp_path)})
    os.kill(begun(tmp_path), signal.SIGKILL)
    first = eventually(lambda: next(iter(server.children(parent.id)), None), 10, "a child")
    server.reaches(first.id, "Crashed", 20)
    (tmp_path / "go on").touch()
    assert server.final(parent.id, 60).is_completed()
    assert [run.state_name for run in server.children(parent.id)] == ["Crashed", "Completed"]


def test_cancelling_the_parent_stops_its_child_and_leaves_the_workers(
    server: Server, workers: dict[str, Worker], tmp_path: Path
) -> None:
    """Within 30 s the child has checkpointed and both are Cancelled; the workers take more runs."""
    parent = server.start("parent/cpu", config={"end": "wait", "folder": str(tmp_path)})
    begun(tmp_path)
    cancel(server, parent.id)
    assert server.final(parent.id, 30).is_cancelled()
    (child,) = server.children(parent.id)
    assert server.final(child.id, 30).is_cancelled()
    assert stage_state(server, parent.id) == "Cancelled"
    assert (tmp_path / "checkpoint").exists()
    assert not (tmp_path / "done").exists()
    assert all(worker.process.poll() is None for worker in workers.values())


@pytest.mark.usefixtures("workers")
def test_cancelling_the_child_alone_ends_its_parent_with_the_reason(
    server: Server, tmp_path: Path
) -> None:
    """The child and the parent's stage are Cancelled; the parent fails and starts no other."""
    parent = server.start("parent/cpu", config={"end": "wait", "folder": str(tmp_path)})
    begun(tmp_path)
    (child,) = server.children(parent.id)
    cancel(server, child.id)
    assert server.final(child.id, 30).is_cancelled()
    final = server.final(parent.id, 30)
    assert final.is_failed()
    assert final.message is not None
    assert "child/gpu cancelled" in final.message
    assert stage_state(server, parent.id) == "Cancelled"
    assert len(server.children(parent.id)) == 1


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize(
    ("pool", "waiting"), [("gpu", "Scheduled"), ("cpu", "AwaitingConcurrencySlot")]
)
def test_a_second_run_waits_for_the_first_one(
    server: Server, tmp_path: Path, pool: str, waiting: str
) -> None:
    """The gpu pool has one slot; elsewhere a deployment's own limit keeps its runs apart."""
    server.deploy_standin("child", pool, slots=1 if pool == "gpu" else None, limit=1)
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    first = server.start(f"child/{pool}", config={"end": "wait", "folder": str(folders[0])})
    try:
        begun(folders[0])
        second = server.start(
            f"child/{pool}", config={"end": "complete", "folder": str(folders[1])}
        )
        server.reaches(second.id, waiting, 30)
        time.sleep(3)  # three looks of the worker
        assert server.state(second.id).name in (waiting, "Late")
        assert not (folders[1] / "begun").exists()
    finally:
        (folders[0] / "go on").touch()
    assert server.final(first.id, 30).is_completed()
    assert server.final(second.id, 90).is_completed()


def test_a_run_whose_worker_and_process_died_is_marked_crashed(
    server: Server, tmp_path: Path
) -> None:
    """With the whole machine gone nobody reports: the crash watch does, and the slots come free."""
    server.deploy_standin("child", "doomed", slots=1, limit=1)
    with server.client() as client:
        apply_crash_watch(client, seconds=15)
    try:
        with running_worker(server, "doomed", "doomed-1") as worker:
            run = server.start("child/doomed", config={"end": "wait", "folder": str(tmp_path)})
            process = begun(tmp_path)
            worker.process.kill()
            os.kill(process, signal.SIGKILL)
            final = server.final(run.id, 90)
        assert final.is_crashed()
        assert final.message is not None
        assert "No heartbeat" in final.message
    finally:
        with server.client() as client:
            apply_crash_watch(client, seconds=90)
    (tmp_path / "go on").touch()
    with running_worker(server, "doomed", "doomed-2"):
        again = server.start("child/doomed", config={"end": "wait", "folder": str(tmp_path)})
        assert server.final(again.id, 60).is_completed()
