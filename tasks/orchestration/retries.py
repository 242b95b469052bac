"""Which failures may pass on another try: the network, the store, a lost worker; not bad input."""

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
PASSING = (
    ConnectionError,
    TimeoutError,
    httpx.TransportError,
    BotoCoreError,
)


def is_transient(error: BaseException) -> bool:
    """Whether another try of the same work can succeed."""
    if isinstance(error, PERMANENT):
        return False
    if isinstance(error, ClientError):
        status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        return bool(status >= 500 or status == 429)
    if isinstance(error, PASSING):
        return True
    # s3fs turns a store's answer into an OSError that is caused by botocore's own.
    return (
        isinstance(error, OSError) and error.__cause__ is not None and is_transient(error.__cause__)
    )
