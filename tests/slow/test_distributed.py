"""Several processes that share each batch learn what one process learns."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.small_training import catalogue, small_model, weights_of
from vitrina.config import TrainConfig
from vitrina.errors import UserError
from vitrina.training.job import TrainingRequest
from vitrina.training.processes.launch import launch

SETTINGS = {"num_epochs": 3, "batch_size": 9, "lr": 3e-3, "log_every_steps": 1, "device": "cpu"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of decoded images of the test's own, and one thread for each process."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """A processed table, also as a file; its batches do not divide by two."""
    found = catalogue(tmp_path, 60)
    found.to_parquet(tmp_path / "table.parquet")
    small_model(tmp_path, found)
    return found


def job(folder: Path, name: str, **changes: object) -> TrainingRequest:
    """A training of the table into a folder of this name."""
    config = TrainConfig(**{**SETTINGS, **changes})
    return TrainingRequest(
        table=str(folder / "table.parquet"),
        model=str(folder / "model"),
        folder=str(folder / name),
        key=name,
        inputs={"table": "t", "model": "m", "parameters": config.content()},
        config=config,
        project_name="test",
    )


def curve(folder: Path, figure: str) -> list[float]:
    """A figure's course over a training."""
    records = map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
    return [record[figure] for record in records if figure in record]


def assert_same_course(one: Path, other: Path) -> None:
    """Loss, gradient norm and validation of two trainings agree to 1e-4 at every step."""
    for figure in ("loss", "grad_norm", "validation/mean_mrr"):
        first, second = curve(one, figure), curve(other, figure)
        assert len(first) == len(second) > 2
        assert np.allclose(first, second, atol=1e-4), figure
    assert curve(one, "loss")[-1] < 0.9 * curve(one, "loss")[0]
    a, b = (weights_of(folder, "ruCLIP_model_epoch3.pth") for folder in (one, other))
    assert all((a[name] - b[name]).abs().max() < 1e-3 for name in a)


@pytest.mark.slow
@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "changes",
    [{}, {"chunk_size": 2, "gradient_checkpointing": True, "freeze": "image"}],
    ids=["plain", "chunks-frozen"],
)
def test_two_processes_give_the_loss_curve_of_one(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """The global batch's loss, step by step, though each process sees half of the batch."""
    launch(job(tmp_path, "one", **changes))
    launch(job(tmp_path, "two", processes=2, **changes))
    assert_same_course(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_what_a_process_refuses_reaches_the_user(tmp_path: Path, table: pd.DataFrame) -> None:
    """An image that only one process meets ends all of them with its name."""
    Path(table["image_path"][7]).unlink()
    with pytest.raises(UserError, match=r"7\.jpg"):
        launch(job(tmp_path, "two", processes=2, validation_fraction=0, test_fraction=0))


@pytest.mark.slow
def test_ray_workers_give_the_loss_curve_of_one(tmp_path: Path, table: pd.DataFrame) -> None:
    """The same code as a Ray TorchTrainer's loop, with the same errors, on a local Ray."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.train")
    launch(job(tmp_path, "one"))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        launch(job(tmp_path, "ray", processes=2, launcher="ray"))
        Path(table["image_path"][7]).unlink()
        everything = {"validation_fraction": 0, "test_fraction": 0, "cache_gb": 0}
        with pytest.raises(UserError, match=r"7\.jpg"):
            launch(job(tmp_path, "broken", processes=2, launcher="ray", **everything))
    finally:
        ray.shutdown()
    assert_same_course(tmp_path / "one", tmp_path / "ray")
