"""Runs outlive the server's restart and their worker's death; stand-ins wait meanwhile."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from prefect.states import Cancelling

from tests.support.processes import eventually, free_port
from tests.support.servers import Server, running_server, running_worker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

RENEWALS_SECONDS = 20  # three renewals of a stand-in's lease, one look for expired ones


def test_a_run_goes_on_when_the_server_restarts_and_can_still_be_cancelled(tmp_path: Path) -> None:
    """Parent and child keep their leases; Cancel then ends both, checkpointed."""
    home, port = tmp_path / "home", free_port()
    with ExitStack() as workers:
        with running_server(home, port) as server:
            server.deploy_standin("parent", "cpu", limit=1)
            server.deploy_standin("child", "gpu", slots=1, limit=1)
            for pool in ("cpu", "gpu"):
                workers.enter_context(running_worker(server, pool, f"{pool}-1"))
            run = server.start("parent/cpu", config={"end": "wait", "folder": str(tmp_path)})
            eventually((tmp_path / "begun").exists, 120, "a child")
            (child,) = server.children(run.id)
        time.sleep(3)  # long enough for a request of the parent to fail
        with running_server(home, port) as server:
            time.sleep(RENEWALS_SECONDS)
            assert server.state(run.id).is_running(), server.state(run.id)
            assert server.state(child.id).is_running(), server.state(child.id)
            with server.client() as client:
                client.set_flow_run_state(run.id, Cancelling())
            assert server.final(run.id, 60).is_cancelled()
            assert server.final(child.id, 60).is_cancelled()
    assert (tmp_path / "checkpoint").exists()


def test_a_run_outlives_its_worker_whose_pipe_it_logs_to(server: Server, tmp_path: Path) -> None:
    """kill -9 of both workers: parent and child log on into broken pipes and complete."""
    pools = ("cut-off-parents", "cut-off-children")
    server.deploy_standin("parent", pools[0])
    server.deploy_standin("child", pools[1])
    with (
        running_worker(server, pools[0], "p") as first,
        running_worker(server, pools[1], "c") as second,
    ):
        run = server.start(
            f"parent/{pools[0]}",
            config={"end": "wait", "folder": str(tmp_path), "child": f"child/{pools[1]}"},
        )
        eventually((tmp_path / "begun").exists, 120, "a child")
        for worker in (first, second):
            worker.process.kill()
            worker.process.wait()
        time.sleep(3)  # some thirty lines of the child's log
        (tmp_path / "go on").touch()
        assert server.final(run.id, 60).is_completed()
    (child,) = server.children(run.id)
    assert child.state_name == "Completed"
    assert (tmp_path / "parent done").exists()
