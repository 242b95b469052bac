"""LanceDB tables in a folder of an output, local or on S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from upath import UPath

from vitrina.store.failures import AccessDeniedError, DiskFullError
from vitrina.store.paths import is_file, is_local

if TYPE_CHECKING:
    from lancedb.db import DBConnection
    from lancedb.table import Table

SUFFIX = ".lance"
MAX_VERSION = 2**64 - 1  # files of versions are named by their distance to it
FULL = ("No space left on device", "Disk quota exceeded", "StorageFull")
DENIED = ("AccessDenied", "Permission denied", "PermissionDenied", "Read-only file system")


def connect(folder: UPath) -> "DBConnection":
    """The tables in a folder."""
    import lancedb  # takes a second to import

    if is_local(folder):
        return lancedb.connect(folder.path)
    return lancedb.connect(str(folder), storage_options=storage_options(folder))


def storage_options(path: UPath) -> dict[str, str]:
    """Endpoint, region and credentials of a path on S3, as s3fs has found them.

    Credentials that expire are left out: LanceDB finds and renews those of a cloud's machines.
    """
    from fsspec.asyn import sync

    s3: Any = path.fs
    s3.connect()
    options = {"aws_region": s3.s3.meta.region_name or "us-east-1"}
    endpoint = s3.s3.meta.endpoint_url
    if not endpoint.endswith(".amazonaws.com"):
        options |= {"aws_endpoint": endpoint, "allow_http": str(endpoint.startswith("http:"))}
    found = sync(s3.loop, s3.session.get_credentials)
    if found is not None and not hasattr(found, "refresh_needed"):
        options |= {
            "aws_access_key_id": found.access_key,
            "aws_secret_access_key": found.secret_key,
        }
        options |= {"aws_session_token": found.token} if found.token else {}
    return options


def open_table(path: UPath, version: int | None = None) -> "Table | None":
    """A table, at one of its versions or at the newest; None if there is no such table or version.

    At a version it stays as it is, whatever is written later.
    """
    try:
        table = connect(path.parent).open_table(path.name.removesuffix(SUFFIX))
        if version is not None:
            table.checkout(version)
    except ValueError:
        return None
    return table


def has_version(path: UPath, version: int) -> bool:
    """Whether a table has this version, by the name of its file: without importing LanceDB."""
    return is_file(path / "_versions" / f"{MAX_VERSION - version:020}.manifest")


@contextmanager
def lance_errors(path: UPath) -> Iterator[None]:
    """Turn LanceDB's errors of a full disk or of missing permissions into UserErrors."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        told = str(error)
        if any(sign in told for sign in FULL):
            raise DiskFullError(
                f"{path} cannot be written: the disk is full. Make room there, and run the same "
                "command again: it continues from what is stored."
            ) from error
        if any(sign in told for sign in DENIED):
            raise AccessDeniedError(f"{path}: access denied. Check who may write there.") from error
        raise
