"""Which errors are transient: those of network, store and lost workers, not of wrong input."""

import httpx
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ProfileNotFound

from vitrina.errors import UserError

PERMANENT = (
    UserError,
    FileNotFoundError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
    NoCredentialsError,
    ProfileNotFound,
)
TRANSIENT = (
    ConnectionError,
    TimeoutError,
    httpx.TransportError,
    BotoCoreError,
)


def is_transient(error: BaseException) -> bool:
    """Whether a retry of the same work may succeed."""
    if isinstance(error, PERMANENT):
        return False
    if isinstance(error, ClientError):
        status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        return bool(status >= 500 or status == 429)
    if isinstance(error, TRANSIENT):
        return True
    # s3fs raises an OSError whose cause is the error of botocore.
    return (
        isinstance(error, OSError) and error.__cause__ is not None and is_transient(error.__cause__)
    )
