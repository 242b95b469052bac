"""The real flows as a service: deployed, on workers, trained on the gpu pool, killed, cancelled."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import torch
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import TaskRun
from prefect.states import Cancelling

from tests.support.processes import eventually
from tests.support.servers import Server, Worker
from vitrina.demo.catalog import draw_catalog

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STAGES = ("draw_demo", "clean", "resize", "prepare_model", "train", "evaluate", "promote", "embed")
EPOCHS = 40


def deployed(server: Server, **changes: Any) -> dict[str, Any]:
    """The deployed pipeline's parameters, some of them changed."""
    with server.client() as client:
        config: dict[str, Any] = client.read_deployment_by_name("pipeline/cpu").parameters["config"]
    return config | changes


def processes_of(run: UUID) -> list[int]:
    """The processes that a worker has started for a run."""
    mark = f"PREFECT__FLOW_RUN_ID={run}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def shop(folder: Path) -> dict[str, str]:
    """A small drawn catalogue, as parameters of what reads one."""
    draw_catalog(folder, products=40)
    return {"file_path": str(folder / "catalog.parquet"), "base_image_path": str(folder / "images")}


def stages(server: Server, run: UUID) -> dict[str, TaskRun]:
    """The tasks of a run by name."""
    with server.client() as client:
        one = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
        found = client.read_task_runs(flow_run_filter=one)
    return {task.name.rsplit("-", 1)[0]: task for task in found}


def log(server: Server, run: UUID) -> str:
    """A run's log, as the UI shows it."""
    one = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
    with server.client() as client:
        return "\n".join(line.message for line in client.read_logs(one, limit=200))


def step_of(folder: Path) -> int:
    """The step after which a training's last checkpoint was written; 0 before the first."""
    state = folder / "state.json"
    return int(json.loads(state.read_text())["progress"]["step"]) if state.exists() else 0


def logged_steps(folder: Path) -> list[int]:
    """The steps of which a training has noted a loss, in the order of its notes."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["step"] for line in lines if "loss" in line]


@pytest.mark.usefixtures("workers")
def test_the_pipeline_trains_on_the_gpu_pool_survives_a_kill_and_is_cached_after(
    applied: Server, tmp_path: Path
) -> None:
    """kill -9 amid training: another child goes on from there; the next run has nothing to do."""
    training = {"num_epochs": EPOCHS, "batch_size": 8, "lr": 1e-3, "patience": 0}
    config = deployed(
        applied,
        output=str(tmp_path),
        train=training | {"log_every_steps": 1},
        embedding_deployment="generate-embeddings/gpu",
    )
    first = applied.start("pipeline/cpu", config=config)

    def first_epoch() -> Path | None:
        return next((tmp_path / "train").glob("*/ruCLIP_model_epoch1.pth"), None)

    checkpoint = eventually(first_epoch, 240, "a checkpoint", pause=0.05)
    (child,) = applied.children(first.id)
    for process in processes_of(child.id):
        os.kill(process, signal.SIGKILL)
    assert not (checkpoint.parent / f"ruCLIP_model_epoch{EPOCHS}.pth").exists(), "killed too late"
    written = checkpoint.stat().st_mtime_ns
    assert applied.final(first.id, 300).is_completed()

    children = applied.children(first.id)
    assert [run.state_name for run in children] == ["Crashed", "Completed", "Completed"]
    assert {run.work_pool_name for run in children} == {"gpu"}
    assert checkpoint.stat().st_mtime_ns == written, "the first epoch was trained twice"
    steps = logged_steps(checkpoint.parent)
    assert steps == list(range(1, len(steps) + 1))

    second = applied.start("pipeline/cpu", config=config)
    assert applied.final(second.id, 120).is_completed()
    states = {name: task.state_name for name, task in stages(applied, second.id).items()}
    assert {name: states[name] for name in STAGES} == dict.fromkeys(STAGES, "Cached")
    assert applied.children(second.id) == []


def test_cancel_stops_training_checkpointed_and_leaves_the_worker(
    applied: Server, workers: dict[str, Worker], tmp_path: Path
) -> None:
    """Within 30 s of the UI's Cancel the process is gone and its last step is saved."""
    model = tmp_path / "model"
    config = shop(tmp_path) | {
        "processed_data_path": str(tmp_path / "processed" / "processed_data.csv"),
        "model_save_path": str(model),
        "model": "tiny",
        "num_epochs": 10_000,
        "batch_size": 2,
        "patience": 0,
        "log_every_steps": 1,
    }
    run = applied.start("train-model/gpu", config=config)
    eventually(lambda: step_of(model) > 1, 120, "a checkpoint", pause=0.1)
    with applied.client() as client:
        client.set_flow_run_state(run.id, Cancelling())
    asked = time.monotonic()
    assert applied.final(run.id, 30).is_cancelled()
    eventually(lambda: not processes_of(run.id), 30, "the process is gone", pause=0.1)
    assert time.monotonic() - asked < 30
    assert step_of(model) >= logged_steps(model)[-1] - 1
    assert stages(applied, run.id)["train"].state_name == "Cancelled"
    assert workers["gpu"].process.poll() is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.usefixtures("workers")
def test_a_worker_without_a_gpu_refuses_a_run_that_requires_one(
    applied: Server, tmp_path: Path
) -> None:
    """device=cuda fails at once, saying what is missing; it is not tried again."""
    config = shop(tmp_path) | {
        "processed_data_path": str(tmp_path / "processed" / "processed_data.csv"),
        "model_save_path": str(tmp_path / "model"),
        "model": "tiny",
        "device": "cuda",
    }
    run = applied.start("train-model/gpu", config=config)
    final = applied.final(run.id, 120)
    assert final.is_failed()
    assert final.message is not None
    assert "UserError" in final.message
    assert "GPU" in final.message
    assert stages(applied, run.id)["train"].run_count == 1


@pytest.mark.usefixtures("workers")
def test_the_stages_lines_are_in_the_runs_log(applied: Server, tmp_path: Path) -> None:
    """The UI's log of a deployed run has what its stages say at INFO."""
    config = shop(tmp_path) | {
        "processed_data_path": str(tmp_path / "processed"),
        "processed_images_path": str(tmp_path / "resized"),
    }
    run = applied.start("data-preprocessing/cpu", config=config)
    assert applied.final(run.id, 120).is_completed()
    eventually(lambda: "rows" in log(applied, run.id), 10, "the stages' lines")
