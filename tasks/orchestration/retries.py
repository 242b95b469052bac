"""Which errors are transient: those of network, store and lost workers, not of wrong input."""

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from vitrina.errors import UserError
from vitrina.store.failures import is_full, is_misuse_of_s3

PERMANENT = (
    UserError,
    FileNotFoundError,
    PermissionError,
    NotADirectoryError,
    IsADirectoryError,
)
TRANSIENT = (
    ConnectionError,
    TimeoutError,
    httpx.TransportError,
    BotoCoreError,
)


def is_transient(error: BaseException) -> bool:
    """Whether a retry of the same work may succeed."""
    if isinstance(error, PERMANENT) or is_full(error) or is_misuse_of_s3(error):
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
