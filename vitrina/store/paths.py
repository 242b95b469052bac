"""Paths as users write them: local or s3://. Only this module and ``files`` treat them apart."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from upath import UPath

from vitrina.errors import UserError
from vitrina.store.failures import (
    CHECK_S3,
    AccessDeniedError,
    disk_full,
    is_denied,
    is_full,
    is_misuse_of_s3,
    misuse_of_s3,
    scratch_folder,
)

S3_OPTIONS: dict[str, Any] = {
    "use_listings_cache": False,  # other runs write to the same buckets
    "config_kwargs": {
        "retries": {"max_attempts": 8, "mode": "adaptive"},
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 64,
    },
}


def to_path(path: str | os.PathLike[str]) -> UPath:
    """An absolute local path or an s3:// path.

    Raises UserError for other schemes, for s3:// without a bucket, and for '::', which fsspec would
    take for a chain of them.
    """
    if isinstance(path, UPath):
        return path
    text = os.fspath(path)
    if text.startswith("s3:"):
        if "::" in text:
            raise UserError(f"{text!r}: '::' cannot be part of an s3:// path here. Rename it.")
        if not re.match(r"s3://[^/]", text):
            raise UserError(
                f"{text!r} names no bucket: expected s3://bucket or s3://bucket/folder."
            )
        s3_path: UPath = UPath(text.rstrip("/"), **S3_OPTIONS)
        return s3_path
    if "://" in text:
        scheme = text.split("://", 1)[0]
        raise UserError(f"{text!r}: {scheme}:// is not supported. Give a local or s3:// path.")
    return UPath(Path(text).expanduser().absolute())


def is_local(path: UPath) -> bool:
    """Whether a path is on the local file system."""
    return path.protocol in ("", "file", "local")


@contextmanager
def as_user_error(path: UPath) -> Iterator[None]:
    """Turn an error that the user can mend into a UserError.

    A missing file, a folder in place of a file, access denied, S3 settings that cannot work, or a
    full disk.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if told := _as_user_error(path, error):
            raise told from error
        raise


def _as_user_error(path: UPath, error: Exception) -> UserError | None:
    if isinstance(error, FileNotFoundError):
        return UserError(f"{path} does not exist.")
    if isinstance(error, IsADirectoryError):
        return UserError(f"{path} is a folder, where a file was expected.")
    if is_full(error):
        disk = Path(path.path).parent if is_local(path) else scratch_folder()
        return disk_full(path, disk, error)
    if is_local(path):
        return AccessDeniedError(f"{path}: access denied ({error}).") if is_denied(error) else None
    if is_denied(error):
        return AccessDeniedError(f"{path}: access denied ({error}). {CHECK_S3}")
    return misuse_of_s3(path, error) if is_misuse_of_s3(error) else None


def exists(path: UPath) -> bool:
    """Whether a file or folder exists; one request on S3. UserError if access is denied."""
    with as_user_error(path):
        return bool(path.fs.exists(path.path))


def is_file(path: UPath) -> bool:
    """Whether a path is an existing file; one request on S3. UserError if access is denied."""
    with as_user_error(path):
        try:
            return bool(path.fs.info(path.path)["type"] == "file")
        except (FileNotFoundError, NotADirectoryError):
            return False


def check_folder(folder: UPath) -> None:
    """Raise UserError unless a folder exists and, on S3, holds files."""
    if is_local(folder) and not Path(folder.path).is_dir():
        raise UserError(f"{folder} does not exist or is not a folder.")
    if not exists(folder):
        raise UserError(f"{folder} does not exist or holds no files.")
