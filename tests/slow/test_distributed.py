"""Several processes that share each batch learn what one process learns."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.processes import ROOT
from tests.support.several_images import with_more_images
from tests.support.small_training import catalogue, records, small_model, weights_of
from tests.support.typed_queries import USE, cleaned_queries
from vitrina.config.queries import SearchQueries
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.training.processes.launch import launch
from vitrina.training.request import TrainingRequest

SETTINGS = {
    "num_epochs": 3,
    "batch_size": 9,
    "lr": 3e-3,
    "log_every_steps": 1,
    "device": "cpu",
    "optimizer": "adamw",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of decoded images of the test's own, and one thread for each process."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """A processed table with several images a listing; its batches do not divide by two."""
    table = with_more_images(catalogue(tmp_path, 60), tmp_path / "more")
    table.to_parquet(tmp_path / "table.parquet")
    small_model(tmp_path, table)
    cleaned_queries(table).to_parquet(tmp_path / "queries.parquet")
    return table


def request(folder: Path, name: str, *, typed: bool = False, **changes: object) -> TrainingRequest:
    """A training on the table into a folder of this name; ``typed`` with queries."""
    config = TrainConfig(**{**SETTINGS, **changes})
    queries = SearchQueries(path=str(folder / "queries.parquet"), fingerprint="q", use=USE)
    return TrainingRequest(
        table=str(folder / "table.parquet"),
        model=str(folder / "model"),
        folder=str(folder / name),
        inputs={"table": "t", "model": "m", "parameters": config.content()},
        config=config,
        project_name="test",
        queries=queries if typed else None,
    )


def values(folder: Path, metric: str) -> list[float]:
    """A metric's values over a training."""
    return [record[metric] for record in records(folder) if metric in record]


def assert_same_course(one: Path, other: Path, tolerance: float = 1e-4) -> None:
    """Loss, gradient norm and validation of two trainings agree at every step."""
    for metric in ("loss", "grad_norm", "validation/mean_mrr"):
        first, second = values(one, metric), values(other, metric)
        assert len(first) == len(second) > 2
        # Norms of gradients begin at about 100, so theirs is relative.
        allowed = {"rtol" if metric == "grad_norm" else "atol": tolerance}
        assert np.allclose(first, second, **allowed), metric
    assert values(one, "loss")[-1] < 0.9 * values(one, "loss")[0]
    a, b = (weights_of(folder, "ruCLIP_model_epoch3.pth") for folder in (one, other))
    assert all((a[name] - b[name]).abs().max() < 10 * tolerance for name in a)


@pytest.mark.slow
@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "muon"},
        {"chunk_size": 2, "gradient_checkpointing": True, "freeze": "image"},
        {"chunk_size": 2, "matryoshka": (8, 4)},
        {"typed": True},
        {"typed": True, "chunk_size": 2, "matryoshka": (8, 4)},
    ],
    ids=["plain", "muon", "chunks-frozen", "chunks-matryoshka", "queries", "chunks-queries"],
)
def test_two_processes_give_the_loss_curve_of_one(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    """The global batch's loss, step by step, though each process sees half of the batch."""
    launch(request(tmp_path, "one", **changes))
    launch(request(tmp_path, "two", processes=2, **changes))
    # Muon makes its updates orthogonal in bfloat16, which widens the rounding of sums.
    tolerance = 1e-2 if changes.get("optimizer") == "muon" else 1e-4
    assert_same_course(tmp_path / "one", tmp_path / "two", tolerance)


MINED = """
import sys
import numpy as np
from pathlib import Path
from vitrina.training.hard_negatives.mining import Miner
from vitrina.training.processes.torchrun import main

out, mine = Path(sys.argv[2]), Miner.mine

def kept(miner, epoch, learner):
    mined = mine(miner, epoch, learner)
    world = miner.batches.world
    np.save(out / f"{world.size}-{world.rank}-{epoch}.npy", mined.rows)
    return mined

Miner.mine = kept
main(sys.argv[1:2])
"""


@pytest.mark.slow
@pytest.mark.usefixtures("table")
def test_processes_mine_hard_negatives_together(tmp_path: Path) -> None:
    """Every process has the same order in every epoch; in the first it is that of one process."""
    script = tmp_path / "mined.py"
    script.write_text(MINED)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for processes in (1, 2):
        file = tmp_path / f"{processes}.json"
        changes = {"hard_negatives": 0.5, "hard_negative_rows": 41, "processes": processes}
        asked = request(tmp_path, f"of-{processes}", typed=True, **changes)
        file.write_text(asked.model_dump_json())
        command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        options = [str(script), str(file), str(tmp_path)]
        subprocess.run(
            [sys.executable, *(command if processes > 1 else []), *options],
            env=environment,
            check=True,
        )
    for epoch in range(3):
        ranks = [np.load(tmp_path / f"2-{rank}-{epoch}.npy") for rank in range(2)]
        assert np.array_equal(*ranks)
        assert len(np.unique(ranks[0])) == len(ranks[0])
    alone = np.load(tmp_path / "1-0-0.npy")
    assert np.array_equal(alone, np.load(tmp_path / "2-0-0.npy"))
    assert not np.array_equal(alone, np.load(tmp_path / "1-0-1.npy"))
    for name in ("of-1", "of-2"):
        assert values(tmp_path / name, "loss")[-1] < 0.9 * values(tmp_path / name, "loss")[0]


@pytest.mark.slow
@pytest.mark.usefixtures("table")
def test_four_processes_validate_two_rows(tmp_path: Path) -> None:
    """Two of them have no row to validate, and all get the metrics of one process."""
    launch(request(tmp_path, "one", validation_rows=2))
    launch(request(tmp_path, "four", validation_rows=2, processes=4))
    assert_same_course(tmp_path / "one", tmp_path / "four")


@pytest.mark.slow
def test_what_a_process_refuses_reaches_the_user(tmp_path: Path, table: pd.DataFrame) -> None:
    """An image that only one process meets ends all of them with its name."""
    Path(table["image_path"][7]).unlink()
    with pytest.raises(UserError, match=r"7\.jpg"):
        launch(request(tmp_path, "two", processes=2, validation_fraction=0, test_fraction=0))


@pytest.mark.slow
def test_ray_workers_give_the_loss_curve_of_one(tmp_path: Path, table: pd.DataFrame) -> None:
    """The same code as a Ray TorchTrainer's loop, with the same errors, on a local Ray."""
    ray = pytest.importorskip("ray")
    pytest.importorskip("ray.train")
    launch(request(tmp_path, "one"))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        launch(request(tmp_path, "ray", processes=2, launcher="ray"))
        Path(table["image_path"][7]).unlink()
        everything = {"validation_fraction": 0, "test_fraction": 0, "cache_gb": 0}
        with pytest.raises(UserError, match=r"7\.jpg"):
            launch(request(tmp_path, "broken", processes=2, launcher="ray", **everything))
    finally:
        ray.shutdown()
    assert_same_course(tmp_path / "one", tmp_path / "ray")
