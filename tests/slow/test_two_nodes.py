"""Two Ray nodes with S3 between them, one of which is killed while it works."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.embed_stage import CONFIG, Shop
from tests.support.processes import eventually, running
from tests.support.ray_nodes import SECONDS, Cluster, Hold, ray_cluster
from tests.support.servers import Server
from tests.support.small_training import catalogue, small_model
from vitrina.config.training import TrainConfig
from vitrina.model.folder import folder_fingerprint
from vitrina.results import ModelResult
from vitrina.store.files import local_read, read_bytes
from vitrina.store.paths import to_path
from vitrina.training.processes.launch import launch
from vitrina.training.request import TrainingRequest

pytest.importorskip("ray")
pytestmark = [pytest.mark.nodes, pytest.mark.slow, pytest.mark.timeout(900)]

ROWS = 60
ACCESS = {"AWS_ACCESS_KEY_ID": "vitrina-test", "AWS_SECRET_ACCESS_KEY": "vitrina-secret"}
EMBED = {"device": "cpu", "shard_rows": CONFIG.shard_rows}
TRAIN = {
    "num_epochs": 3,
    "batch_size": 9,
    "lr": 3e-3,
    "optimizer": "adamw",
    "log_every_steps": 1,
    "cache_gb": 0,  # an image is read from S3 in every epoch
    "device": "cpu",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head and another node; whatever is on S3 is what the test's own server has."""
    with ray_cluster(dict(os.environ) | ACCESS) as cluster:
        yield cluster


@pytest.fixture
def shop(bucket: str, tmp_path: Path) -> Iterator[str]:
    """A bucket with images, a processed table of their addresses, and a small model."""
    table, top = catalogue(tmp_path, ROWS), to_path(bucket)
    small_model(tmp_path, table)
    table["image_path"] = [f"{bucket}/images/{nm}.jpg" for nm in table["nm"]]
    table.to_csv(tmp_path / "table.csv", index=False)
    for name in ("images", "model", "table.csv"):
        top.fs.put(str(tmp_path / name), (top / name).path, recursive=True)
    return bucket


def options(values: dict[str, object]) -> list[str]:
    """Parameters as a command line has them."""
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]


@contextmanager
def losing_the_second_node(
    cluster: Cluster, server: Server, command: list[str], hold: Hold, task: str
) -> Iterator[None]:
    """Run a command to its successful end; before this block the second node is killed at work.

    That is where the hold stops it, within a Ray task of this name.
    """
    node, log = cluster.nodes[-1], cluster.folder / "command.log"
    variables = cluster.variables | server.variables | {"RAY_ADDRESS": cluster.address}
    variables["AWS_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL"]  # of the bucket
    with running([sys.executable, *command], variables, log) as process:

        def is_held() -> bool:
            assert process.poll() is None, log.read_text()
            return bool(hold.held)

        eventually(is_held, SECONDS, f"{hold.request} of the second node, see {log}", pause=0.05)
        assert node.runs(task)
        node.kill()
        hold.ended.set()
        yield
        assert process.wait(SECONDS) == 0, log.read_text()


def test_a_node_killed_within_a_shard_changes_no_vector(
    cluster: Cluster, server: Server, shop: str, tmp_path: Path
) -> None:
    """The other node computes what it held, and the vectors are those of one process."""
    table, model = pd.read_csv(tmp_path / "table.csv"), tmp_path / "model"
    known = ModelResult(folder=str(model), fingerprint=folder_fingerprint(to_path(model)))
    alone = Shop(to_path(tmp_path / "alone"), tmp_path, known).embed(table)

    node = cluster.second_node()
    hold = cluster.hold = Hold(node.host, "PUT part-*.parquet", after="PUT part-*.parquet")
    command = [
        "flows/generate_embeddings.py",
        *("--processed_data_csv", f"{shop}/table.csv", "--model", f"{shop}/model"),
        *("--output_path", f"{shop}/nodes/vectors.npz", "--executor", cluster.executor),
        *options(EMBED),
    ]
    with losing_the_second_node(cluster, server, command, hold, "shard"):
        pass
    assert cluster.nodes[0].writes(hold.held[0]) == 1
    with local_read(to_path(f"{shop}/nodes/vectors.npz")) as ours:
        found, expected = np.load(ours), np.load(alone.npz)
        assert found["nm"].tolist() == expected["nm"].tolist()
        for name in ("text", "img"):
            np.testing.assert_allclose(found[name], expected[name], atol=1e-6)


def losses(folder: str) -> list[float]:
    """The loss of each step of a training; no step was left out or taken twice."""
    lines = read_bytes(to_path(f"{folder}/metrics.jsonl")).decode().splitlines()
    found = [(one["step"], one["loss"]) for one in map(json.loads, lines) if "loss" in one]
    assert [step for step, _ in found] == list(range(1, len(found) + 1))
    return [loss for _, loss in found]


def test_a_training_resumes_when_another_node_takes_the_place_of_the_lost_one(
    cluster: Cluster, server: Server, shop: str, tmp_path: Path
) -> None:
    """From the last checkpoint, in the same command, with the losses of one process."""
    config = TrainConfig.model_validate(TRAIN)
    launch(
        TrainingRequest(
            table=f"{shop}/table.csv",
            model=str(tmp_path / "model"),
            folder=str(tmp_path / "alone"),
            inputs={"table": "t", "model": "m", "parameters": config.content()},
            config=config,
            project_name="test",
        )
    )
    node = cluster.second_node()
    hold = cluster.hold = Hold(node.host, "GET *.jpg", after="PUT ruCLIP_model_epoch2.pth")
    command = [
        "flows/train_model.py",
        *("--processed_data_path", f"{shop}/table.csv", "--model", f"{shop}/model"),
        *("--model_save_path", f"{shop}/trained", "--launcher", "ray", "--processes", "2"),
        *options(TRAIN),
    ]
    with losing_the_second_node(cluster, server, command, hold, "RayTrainWorker"):
        cluster.start_node()
    # The first epoch was not trained again.
    assert sum(node.writes("ruCLIP_model_epoch1.pth") for node in cluster.nodes) == 1
    ours, expected = losses(f"{shop}/trained"), losses(str(tmp_path / "alone"))
    assert len(ours) == len(expected)
    np.testing.assert_allclose(ours, expected, atol=1e-4)
