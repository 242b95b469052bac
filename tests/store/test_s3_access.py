"""S3 that cannot be used is told before work, within seconds, by its reason."""

import socket
import time
from pathlib import Path

import pytest

from vitrina.config.parameters import Parameters
from vitrina.errors import UserError
from vitrina.store.s3_access import check_s3


class Paths(Parameters):
    """Parameters with paths, as a flow has them."""

    output: str
    nested: tuple[str, ...] = ()


def test_a_bucket_that_answers_is_fine(bucket: str) -> None:
    """A folder in a bucket need not exist yet; local paths are not asked about."""
    check_s3(Paths(output=f"{bucket}/new/folder", nested=("images", "s3-of-mine")))


def test_a_bucket_that_does_not_exist_is_named(bucket: str) -> None:
    """Also when the bucket of another parameter exists."""
    with pytest.raises(UserError, match="there is no bucket 'no-such-bucket'"):
        check_s3(Paths(output=bucket, nested=("s3://no-such-bucket/x",)))


@pytest.mark.parametrize("path", ["s3://", "s3:///folder", "s3:/bucket/folder", "s3:bucket"])
def test_an_address_without_a_bucket_is_refused(path: str) -> None:
    """It is neither a bucket nor, silently, a local folder named ``s3:``."""
    with pytest.raises(UserError, match="names no bucket: expected s3://bucket"):
        check_s3(Paths(output=path))


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("AWS_SECRET_ACCESS_KEY", None, "missing: AWS_SECRET_ACCESS_KEY"),
        ("AWS_ACCESS_KEY_ID", None, "missing: AWS_ACCESS_KEY_ID|Unable to locate credentials"),
        ("AWS_PROFILE", "nobody", "nobody"),
        ("AWS_ENDPOINT_URL", "localhost:9000", "Invalid endpoint: localhost:9000"),
        ("AWS_DEFAULT_REGION", "eu west", "'eu west'"),
    ],
)
def test_settings_that_cannot_work_are_named(
    bucket: str,
    variable: str,
    value: str | None,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A key without its secret, an unknown profile, an endpoint without http://, a wrong region."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=f"(?s)S3 cannot be used as it is set up here.*({reason})"):
        check_s3(Paths(output=bucket))


def test_an_endpoint_that_refuses_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens on the port."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
    started = time.monotonic()
    with pytest.raises(UserError, match=r"S3 cannot be reached .*127\.0\.0\.1"):
        check_s3(Paths(output="s3://bucket"))
    assert time.monotonic() - started < 30


def test_an_endpoint_that_never_answers_is_told_within_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It accepts the connection and is silent."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(UserError, match="S3 cannot be reached"):
            check_s3(Paths(output="s3://bucket"))
        assert time.monotonic() - started < 30


def test_credentials_that_may_not_ask_about_a_bucket_pass(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HEAD of a bucket needs a permission of its own, which a run does not need."""
    from tests.support.flaky_s3 import flaky_endpoint

    with flaky_endpoint(lambda method, _name: "403" if method == "HEAD" else None) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        check_s3(Paths(output=bucket))
