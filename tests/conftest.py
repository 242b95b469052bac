"""Real parts that many tests share: an S3 server over HTTP, a folder or bucket to write to."""

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import hypothesis
import pytest
import s3fs
from moto.server import ThreadedMotoServer
from upath import UPath

from vitrina.store.paths import to_path

# Before torch is imported anywhere: `auto` is float32 on every machine, whatever its processor has.
os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE"
# Before Prefect is imported anywhere: a home of this process's own, not the user's with its server
# and history; no telemetry, and time enough on a busy machine.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp(prefix="vitrina-tests-prefect-")
atexit.register(shutil.rmtree, os.environ["PREFECT_HOME"], ignore_errors=True)
os.environ.pop("PREFECT_API_URL", None)
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
os.environ.setdefault("WANDB_MODE", "disabled")

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")
# Before torch is imported: OpenMP's waiting threads sleep. Spinning, they take the cores from what
# runs beside them, and embedding ten rows on a busy machine takes ten seconds instead of one half.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Before Ray is started anywhere: its workers are no slower than what they are tested beside. By
# default they are nice (15), and hardly get a core while another file's tests run.
os.environ.setdefault("RAY_worker_niceness", "0")

pytest_plugins = ["tests.support.servers"]  # loaded after this file: it imports Prefect


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The endpoint of an S3 API over HTTP on a free port."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The s3:// address of a new, empty bucket, with credentials in the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "vitrina-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "vitrina-secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"test-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    """A folder to write to: once on this machine, once in a bucket."""
    if request.param == "local":
        return to_path(tmp_path / "store")
    return to_path(request.getfixturevalue("bucket") + "/store")
