"""What is tried again, and what is not."""

import errno

import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from tasks.orchestration.retries import is_transient
from vitrina.errors import UserError


def answer(status: int) -> ClientError:
    """botocore's error for an HTTP status."""
    return ClientError({"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {}}, "GetObject")


def wrapped(error: Exception) -> OSError:
    """An error as s3fs hands it on: an OSError caused by botocore's."""
    outer = OSError(errno.EIO, "store")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        httpx.ReadError("cut"),
        EndpointConnectionError(endpoint_url="http://store"),
        answer(503),
        answer(429),
        wrapped(answer(500)),
    ],
)
def test_a_passing_failure_is_tried_again(error: Exception) -> None:
    """Network and store failures may pass."""
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        UserError("no column"),
        ValueError("bad"),
        FileNotFoundError(errno.ENOENT, "gone"),
        PermissionError(errno.EACCES, "denied"),
        OSError(errno.ENOSPC, "disk full"),
        NoCredentialsError(),
        answer(403),
        KeyError("bug"),
    ],
)
def test_a_lasting_failure_is_not(error: Exception) -> None:
    """Bad input, missing rights, a full disk and bugs do not pass by waiting."""
    assert not is_transient(error)
