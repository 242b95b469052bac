"""Two Ray nodes with S3 between them, one of which is killed while it works."""

import io
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import s3fs

from tests.support.processes import eventually, running
from tests.support.ray_nodes import Cluster, Node, ray_cluster
from tests.support.servers import Server
from vitrina.demo.catalog import draw_catalog
from vitrina.model.tiny import make_tiny

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900, func_only=True)]


@pytest.fixture(scope="module")
def access(s3_server: str) -> Iterator[dict[str, str]]:
    """The variables that reach the S3 API, set here too."""
    variables = {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "vitrina-test",
        "AWS_SECRET_ACCESS_KEY": "vitrina-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()
        yield variables
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def cluster(server: Server, access: dict[str, str]) -> Iterator[Cluster]:
    """A head, which reaches the S3 API and the Prefect server."""
    with ray_cluster(server.variables | access) as cluster:
        yield cluster


@pytest.fixture
def node(cluster: Cluster) -> Node:
    """A second node, to be killed."""
    return cluster.add_node()


@pytest.fixture(scope="module")
def shop(cluster: Cluster, server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A bucket with a tiny model, and with a drawn catalogue, cleaned and resized."""
    folder, bucket = tmp_path_factory.mktemp("shop"), f"s3://nodes-{uuid.uuid4().hex[:12]}"
    draw_catalog(folder, products=120, seed=3)
    (folder / "model").mkdir()
    make_tiny(pd.read_parquet(folder / "catalog.parquet")["title"].dropna(), folder / "model")
    files = s3fs.S3FileSystem()
    files.mkdir(bucket)
    files.put(f"{folder}/", f"{bucket}/", recursive=True)
    run(server, cluster, preprocess(bucket, f"{bucket}/alone"))
    return bucket


def preprocess(shop: str, into: str) -> list[str]:
    """The command that cleans and resizes from S3 to S3."""
    return [
        "flows/data_preprocessing.py",
        *("--file_path", f"{shop}/catalog.parquet", "--base_image_path", f"{shop}/images"),
        *("--processed_data_path", f"{into}/table", "--processed_images_path", f"{into}/images"),
    ]


def embed(shop: str, into: str, *options: str) -> list[str]:
    """The command that embeds the table of ``alone`` from S3 to S3, in shards of five rows."""
    return [
        "flows/generate_embeddings.py",
        *("--processed_data_csv", f"{shop}/alone/table/processed_data.csv"),
        *("--output_path", f"{into}/vectors.npz", "--model", f"{shop}/model"),
        *("--device", "cpu", "--shard_rows", "5"),
        *options,
    ]


def train(shop: str, into: str, *options: str) -> list[str]:
    """The command that fine-tunes on the table of ``alone`` from S3 to S3."""
    return [
        "flows/train_model.py",
        *("--processed_data_path", f"{shop}/alone/table/processed_data.csv"),
        *("--model_save_path", f"{into}/trained", "--model", f"{shop}/model"),
        *("--num_epochs", "4", "--batch_size", "16", "--lr", "1e-3", "--device", "cpu"),
        *("--project_name", "nodes", "--log_every_steps", "1", "--patience", "0"),
        *options,
    ]


def run(server: Server, cluster: Cluster, command: list[str]) -> None:
    """Run a command of the cluster to its successful end."""
    done: subprocess.CompletedProcess[str] = server.run(*command, **cluster.variables)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def losing(
    node: Node, cluster: Cluster, command: list[str], task: str, sign: str
) -> Iterator[None]:
    """Run a command to its successful end, and kill the node amid its work, before this block.

    It is killed once files on S3 match ``sign`` and a worker of it runs a Ray task of this name.
    """
    log = cluster.folder / "command.log"
    with running([sys.executable, *command], cluster.variables, log) as process:

        def at_work() -> bool:
            assert process.poll() is None, log.read_text()
            files = s3fs.S3FileSystem()
            files.invalidate_cache()
            return node.computes(task) and len(files.glob(sign)) > 0

        eventually(at_work, 600, f"{sign} and {task} on the second node", pause=0.05)
        node.kill()
        yield
        assert process.wait(400) == 0, log.read_text()


def vectors(folder: str) -> dict[str, np.ndarray]:
    """The arrays of the NPZ of a folder on S3."""
    return dict(np.load(io.BytesIO(s3fs.S3FileSystem().cat_file(f"{folder}/vectors.npz"))))


def losses(folder: str) -> dict[int, float]:
    """The loss of each step of a training on S3; no step was taken twice."""
    lines = s3fs.S3FileSystem().cat_file(f"{folder}/trained/metrics.jsonl").decode().splitlines()
    found = [(one["step"], one["loss"]) for one in map(json.loads, lines) if "loss" in one]
    assert [step for step, _ in found] == list(range(1, len(found) + 1))
    return dict(found)


def test_a_node_killed_with_its_shards_changes_nothing(
    server: Server, cluster: Cluster, shop: str, node: Node
) -> None:
    """The vectors of two nodes, one of them lost on the way, are those of one process."""
    run(server, cluster, embed(shop, f"{shop}/alone"))
    command = embed(shop, f"{shop}/nodes", "--executor", cluster.executor)
    with losing(node, cluster, command, "shard", f"{shop}/nodes/vectors.parquet/*"):
        pass
    ours, expected = vectors(f"{shop}/nodes"), vectors(f"{shop}/alone")
    assert ours["nm"].tolist() == expected["nm"].tolist()
    for name in ("text", "img"):
        np.testing.assert_allclose(ours[name], expected[name], atol=1e-6)


def test_a_training_goes_on_when_another_node_takes_the_place_of_the_lost_one(
    server: Server, cluster: Cluster, shop: str, node: Node
) -> None:
    """From the last checkpoint, in the same command, with the losses of one process."""
    run(server, cluster, train(shop, f"{shop}/alone"))
    cluster.variables["RAY_ADDRESS"] = cluster.address
    command = train(shop, f"{shop}/nodes", "--launcher", "ray", "--processes", "2")
    checkpoint = f"{shop}/nodes/trained/ruCLIP_model_epoch1.pth"
    with losing(node, cluster, command, "RayTrainWorker", checkpoint):
        cluster.add_node()
    ours, expected = losses(f"{shop}/nodes"), losses(f"{shop}/alone")
    assert ours.keys() == expected.keys()
    np.testing.assert_allclose(list(ours.values()), list(expected.values()), atol=1e-4)
