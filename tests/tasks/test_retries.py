"""Which errors are retried, and which are not."""

import errno

import httpx
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
)

from tasks.orchestration.retries import is_transient
from vitrina.errors import UserError


def answer(status: int) -> ClientError:
    """botocore's error for an HTTP status."""
    return ClientError({"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {}}, "GetObject")


def wrapped(error: Exception) -> OSError:
    """An error as s3fs raises it: an OSError caused by botocore's."""
    outer = OSError(errno.EIO, "store")
    outer.__cause__ = error
    return outer


def because_of(error: Exception, cause: Exception) -> Exception:
    """An error that was raised because of another one."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        httpx.ReadError("cut"),
        ReadTimeoutError(endpoint_url="http://store"),
        EndpointConnectionError(endpoint_url="http://store"),
        answer(503),
        answer(429),
        wrapped(answer(500)),
    ],
)
def test_a_transient_error_is_retried(error: Exception) -> None:
    """Errors of the network and the store are transient."""
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
        PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
        ParamValidationError(report="Invalid bucket name"),
        because_of(RuntimeError("torch: unexpected pos"), OSError(errno.ENOSPC, "disk full")),
        because_of(ConnectionError("lost"), OSError(errno.EDQUOT, "quota")),
        answer(403),
        KeyError("bug"),
    ],
)
def test_a_permanent_error_is_not(error: Exception) -> None:
    """Wrong input, missing permissions, a full disk and bugs are permanent."""
    assert not is_transient(error)
