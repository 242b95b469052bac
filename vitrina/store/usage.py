"""What folders hold and when they were last written, and their removal; local or on S3."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from upath import UPath

from vitrina.store.files import STALE_SECONDS, is_temp_file
from vitrina.store.paths import as_user_error, is_local

DELETED_AT_ONCE = 1_000  # objects in one request to S3


class StoredFile(NamedTuple):
    """A file by its path relative to the folder, its size in bytes and when it was written."""

    name: str
    size: int
    written: float  # seconds since the epoch


@dataclass
class Usage:
    """The number, size and age of a folder's files."""

    files: int = 0
    size: int = 0
    written: float = 0.0  # of the newest file, seconds since the epoch
    abandoned: list[str] = field(default_factory=list)  # temp files of killed writers

    @classmethod
    def of(cls, folder: UPath) -> "Usage":
        """The usage of a folder with all its subfolders; memory does not grow with the files."""
        usage, stale = cls(), time.time() - STALE_SECONDS
        for file in stored_files(folder):
            usage.files += 1
            usage.size += file.size
            usage.written = max(usage.written, file.written)
            if is_temp_file(file.name) and file.written < stale:
                usage.abandoned.append(file.name)
        return usage


def subfolders(folder: UPath) -> list[str]:
    """The names of the folders in a folder, without symbolic links."""
    with as_user_error(folder):
        if is_local(folder):
            if not Path(folder.path).is_dir():
                return []
            with os.scandir(folder.path) as entries:
                return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
        prefixes = (one["Prefix"] for page in _pages(folder, Delimiter="/") for one in page[1])
        return sorted(prefix.rstrip("/").rsplit("/", 1)[-1] for prefix in prefixes)


def stored_files(folder: UPath) -> Iterator[StoredFile]:
    """All files below a folder; a symbolic link is a file, whatever it leads to."""
    if not is_local(folder):
        prefix = _prefix(folder)
        for objects, _ in _pages(folder):
            for one in objects:
                name = one["Key"].removeprefix(prefix)
                yield StoredFile(name, one["Size"], one["LastModified"].timestamp())
        return
    for parent, _, names in os.walk(folder.path):
        for name in names:
            path = Path(parent, name)
            with suppress(FileNotFoundError):  # renamed meanwhile
                stat = path.lstat()
                relative = path.relative_to(folder.path).as_posix()
                yield StoredFile(relative, stat.st_size, stat.st_mtime)


def remove_files(folder: UPath, names: Iterable[str]) -> None:
    """Remove files below a folder, and the folders that are empty then."""
    names = list(names)
    with as_user_error(folder):
        if not is_local(folder):
            _remove_objects(folder, names)
            return
        for name in names:
            (Path(folder.path) / name).unlink(missing_ok=True)
        for parent, _, _ in os.walk(folder.path, topdown=False):
            with suppress(OSError):  # not empty
                Path(parent).rmdir()


def _remove_objects(folder: UPath, names: Sequence[str]) -> None:
    bucket = folder.path.split("/", 1)[0]
    keys = [{"Key": f"{_prefix(folder)}{name}"} for name in names]
    for first in range(0, len(keys), DELETED_AT_ONCE):
        chunk = {"Objects": keys[first : first + DELETED_AT_ONCE], "Quiet": True}
        answer = folder.fs.call_s3("delete_objects", Bucket=bucket, Delete=chunk)
        if errors := answer.get("Errors"):
            raise PermissionError(f"{errors[0]['Key']}: {errors[0].get('Message', 'not removed')}")


def _prefix(folder: UPath) -> str:
    key = folder.path.rstrip("/").partition("/")[2]
    return f"{key}/" if key else ""


def _pages(folder: UPath, **options: str) -> Iterator[tuple[list[Any], list[Any]]]:
    """The objects and the common prefixes below a folder on S3, 1,000 at a time."""
    request: dict[str, Any] = {"Bucket": folder.path.split("/", 1)[0], "Prefix": _prefix(folder)}
    while True:
        with as_user_error(folder):
            page = folder.fs.call_s3("list_objects_v2", **request, **options)
        yield page.get("Contents", []), page.get("CommonPrefixes", [])
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]
