"""What a file system tells of a file without reading it."""

import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from upath import UPath

from vitrina.errors import UserError
from vitrina.store.paths import as_user_error

HEAD_THREADS = 16  # each request takes some 20 ms


class FileInfo(NamedTuple):
    """Size in bytes, and a stamp that changes with the content.

    Locally the stamp is made of the times of modification and of change, the second of which no
    program can set, and the inode: so files that are exchanged are noticed too. On S3 it is the
    ETag.
    """

    size: int
    stamp: str


def regular_file(path: UPath) -> Path:
    """A local path, of which it is sure that reading it comes to an end.

    Raises UserError if it is missing, or a folder, a device, a pipe or a socket.
    """
    with as_user_error(path):
        mode = os.stat(path.path).st_mode  # noqa: PTH116 - path.path is a string
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(path.path)
    if not stat.S_ISREG(mode):
        raise UserError(f"{path} is a device, a pipe or a socket, where a file was expected.")
    return Path(path.path)


def local_info(status: os.stat_result) -> FileInfo | None:
    """Of a local file; None for anything else, such as a folder or a device."""
    if not stat.S_ISREG(status.st_mode):
        return None
    times = f"{status.st_mtime_ns}-{status.st_ctime_ns}"
    return FileInfo(status.st_size, f"{status.st_size}-{times}-{status.st_ino}")


def info_of(path: Path) -> FileInfo | None:
    """Of the file at a local path; None if there is none. Raises PermissionError."""
    try:
        return local_info(path.stat())
    except PermissionError:
        raise
    except (OSError, ValueError):  # no file can have that name, or its link leads nowhere
        return None


def s3_pages(folder: UPath, *, deep: bool) -> Iterator[list[tuple[str, FileInfo]]]:
    """The files of a bucket's folder, or also of those below it, 1,000 to a request."""
    bucket, _, key = folder.path.rstrip("/").partition("/")
    prefix = f"{key}/" if key else ""
    request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    if not deep:
        request["Delimiter"] = "/"
    while True:
        with as_user_error(folder):
            page = folder.fs.call_s3("list_objects_v2", **request)
        yield [
            (name, FileInfo(found["Size"], found["ETag"].strip('"')))
            for found in page.get("Contents", ())
            # Consoles create objects whose names end in a slash, to show folders.
            if (name := found["Key"].removeprefix(prefix)) and not name.endswith("/")
        ]
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


@dataclass
class S3Folder:
    """The files of a folder on S3 that are asked for, in few requests.

    Listing is cheapest if most files are asked for, a request per file if there are many others:
    of both no more than as many requests are made as files are asked for.
    """

    folder: UPath
    known: dict[str, FileInfo] = field(default_factory=dict)
    is_listed: bool = False

    def __post_init__(self) -> None:
        self._pages = s3_pages(self.folder, deep=False)

    def find(self, names: Iterable[str]) -> dict[str, FileInfo]:
        """Those of the named files that exist."""
        wanted = set(names)
        missing = wanted - self.known.keys()
        for _ in range(len(missing)):
            page = next(self._pages, None)
            self.is_listed = page is None
            if page is None:
                break
            self.known.update(page)
            missing -= self.known.keys()
        if not self.is_listed:
            with ThreadPoolExecutor(HEAD_THREADS) as threads:
                self.known.update(filter(None, threads.map(self._ask_for, missing)))
        return {name: self.known[name] for name in wanted if name in self.known}

    def _ask_for(self, name: str) -> tuple[str, FileInfo] | None:
        bucket, _, key = f"{self.folder.path.rstrip('/')}/{name}".partition("/")
        try:
            found = self.folder.fs.call_s3("head_object", Bucket=bucket, Key=key)
        except FileNotFoundError:
            return None
        return name, FileInfo(found["ContentLength"], found["ETag"].strip('"'))
