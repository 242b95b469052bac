"""The whole way from S3 to S3, on good and on bad days."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import s3fs

from tests.support.flaky_s3 import flaky_endpoint, some
from tests.support.processes import ROOT, eventually, running
from vitrina.demo.catalog import draw_catalog

TIMEOUT = 280
SECRET = "vitrina-secret"  # the moto server's, of the fixture
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * TIMEOUT)]


@pytest.fixture
def shop(bucket: str, tmp_path: Path) -> str:
    """A drawn catalogue in the bucket: catalog.parquet and images/."""
    draw_catalog(tmp_path / "shop", products=40)
    s3fs.S3FileSystem().put(f"{tmp_path}/shop/", f"{bucket}/shop/", recursive=True)
    return f"{bucket}/shop"


def command(shop: str, output: str) -> list[str]:
    """The pipeline on the shop, everything on S3."""
    return [
        *(sys.executable, str(ROOT / "flows" / "pipeline.py"), "--output", output),
        *("--catalog", f"{shop}/catalog.parquet", "--images", f"{shop}/images"),
        *("--model", "tiny", "--resize.default_image_size", "64", "64"),
        *("--train.num_epochs", "1", "--train.batch_size", "16", "--train.lr", "1e-3"),
    ]


def environment(cache: Path, endpoint: str) -> dict[str, str]:
    """The test's own, with a cache that knows nothing of earlier runs."""
    return {**os.environ, "AWS_ENDPOINT_URL": endpoint, "VITRINA_CACHE": str(cache)}


def run(shop: str, output: str, cache: Path, endpoint: str) -> "subprocess.CompletedProcess[str]":
    """Run the pipeline to its end."""
    return subprocess.run(
        command(shop, output),
        env=environment(cache, endpoint),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def results(output: str) -> dict[str, bytes]:
    """The bytes of the results that hold no path: texts, weights, vectors, images by name."""
    files = s3fs.S3FileSystem()
    found = {}
    for stage, name in (
        ("resize", "processed_data.csv"),
        ("resize", "rejected.csv"),
        ("train", "ruclip/pytorch_model.bin"),
        ("evaluate", "evaluation.json"),
        ("embed", "embeddings.npz"),
    ):
        key = files.cat_file(f"{output}/{stage}/latest").decode()
        found[f"{stage}/{name}"] = files.cat_file(f"{output}/{stage}/{key}/{name}")
    table = pd.read_csv(io.BytesIO(found["resize/processed_data.csv"]))
    for path in table["image_path"]:
        found[path.rsplit("/", 1)[-1]] = files.cat_file(path)
    found["resize/processed_data.csv"] = table.drop(columns="image_path").to_csv().encode()
    return found


@pytest.fixture
def secrets_stay_secret(bucket: str) -> Iterator[list[str]]:
    """Takes what runs print; in the end neither that nor an artifact holds the secret key."""
    told: list[str] = []
    yield told
    assert all(SECRET not in text for text in told)
    files = s3fs.S3FileSystem()
    for path in files.find(bucket):
        assert SECRET.encode() not in files.cat_file(path), path


def test_bad_days_give_the_same_bytes(
    shop: str, bucket: str, s3_server: str, tmp_path: Path, secrets_stay_secret: list[str]
) -> None:
    """Slow-down, 500, cut bodies, and a server that goes away: the results of a good day."""
    good = run(shop, f"{bucket}/good", tmp_path / "good", s3_server)
    assert good.returncode == 0, good.stderr
    with flaky_endpoint(some) as endpoint:
        output = f"{bucket}/bad"
        log = tmp_path / "bad.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                command(shop, output),
                env=environment(tmp_path / "bad", endpoint.url),
                stdout=file,
                stderr=file,
            )
        resizing = "PUT /" + bucket.removeprefix("s3://") + "/bad/images/"
        eventually(
            lambda: any(asked.startswith(resizing) for asked in list(endpoint.app.asked)),
            TIMEOUT,
            "resizing",
            pause=0.02,
        )
        endpoint.go_away(5)
        assert process.wait(TIMEOUT) == 0, log.read_text()
    assert len(endpoint.app.failed) > 20
    expected, found = results(f"{bucket}/good"), results(output)
    assert expected.keys() == found.keys()
    assert [name for name in expected if expected[name] != found[name]] == []
    vectors = np.load(io.BytesIO(found["embed/embeddings.npz"]))
    assert np.isfinite(vectors["img"]).all()
    secrets_stay_secret += [good.stdout, good.stderr, log.read_text()]


def test_killed_and_started_again_the_run_goes_on(
    shop: str, bucket: str, s3_server: str, tmp_path: Path
) -> None:
    """kill -9 while resizing to S3: no image is opened twice that was recorded, all are there."""
    output, cache = f"{bucket}/out", tmp_path / "cache"
    files = s3fs.S3FileSystem(use_listings_cache=False)
    variables = environment(cache, s3_server)
    with running(command(shop, output), variables, tmp_path / "killed.log") as process:
        resized = f"{output}/images/*/*.jpg"
        eventually(lambda: files.glob(resized), TIMEOUT, "images", pause=0.02)
        process.kill()  # and, when the block ends, the Prefect server that it leaves behind
        process.wait()
    assert not files.exists(f"{output}/resize/latest")
    again = run(shop, output, cache, s3_server)
    assert again.returncode == 0, again.stderr
    assert "clean: found in" in again.stderr


@pytest.mark.parametrize(
    ("code", "told"),
    [("AccessDenied", "access denied"), ("InvalidAccessKeyId", "access denied")],
)
def test_denied_access_is_answered_at_once(
    shop: str, bucket: str, tmp_path: Path, code: str, told: str
) -> None:
    """One line that says what to check, exit code 2, and no retries that take minutes."""
    answers: list[str] = []

    def refuse(_method: str, name: str) -> str:
        answers.append(name)
        return f"403 {code}"

    with flaky_endpoint(refuse) as endpoint:
        done = run(shop, f"{bucket}/out", tmp_path, endpoint.url)
    assert done.returncode == 2
    assert told in done.stderr
    assert "AWS_ACCESS_KEY_ID" in done.stderr
    assert done.stderr.count("\n") <= 2
    assert len(answers) < 5


def test_a_missing_bucket_is_named(shop: str, s3_server: str, tmp_path: Path) -> None:
    """It is not made, and not waited for."""
    done = run(shop, "s3://no-such-bucket-of-ours/out", tmp_path, s3_server)
    assert done.returncode == 2
    assert "no-such-bucket-of-ours" in done.stderr
    assert done.stderr.count("\n") <= 2
