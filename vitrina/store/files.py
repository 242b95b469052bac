"""Where artifacts live: a local folder or S3. The only file that knows which.

Files are written aside and put in place whole. An artifact is a folder; it is finished when its
manifest, written last, stands in it and every file the manifest lists is there in its full size.
"""

import errno
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from upath import UPath

from vitrina.errors import UserError
from vitrina.store.paths import as_user_error, is_local

TEMP_FILE = re.compile(
    r"\..+\.[0-9a-f]{8}\.part"
)  # what a local file is called while it is written
STALE_SECONDS = 3_600  # without a write, after which nobody is still at it


# --- files -----------------------------------------------------------------------------------


class FileInfo(NamedTuple):
    """Size in bytes, and a stamp that changes when the content does (mtime locally, ETag on S3)."""

    size: int
    stamp: str


def listing(folder: UPath) -> Iterator[tuple[str, FileInfo]]:
    """Every file below a folder by its relative path, in one sweep; nothing if there is none.

    Files come as they are found, so memory does not grow with their number. On a disk, one that is
    added meanwhile may or may not come. UserError, at the first file, if access is denied or the
    bucket is missing.
    """
    return _local_listing(Path(folder.path)) if is_local(folder) else _s3_listing(folder)


def _local_listing(folder: Path, prefix: str = "") -> Iterator[tuple[str, FileInfo]]:
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError:
        with as_user_error(UPath(folder)):
            raise
    with entries:
        for entry in entries:
            try:
                is_folder, stat = entry.is_dir(), entry.stat()
            except OSError as error:
                # Replaced or removed while we list, or a link to itself.
                if error.errno in (errno.ENOENT, errno.ELOOP):
                    continue
                raise
            if is_folder:
                yield from _local_listing(Path(entry.path), f"{prefix}{entry.name}/")
                continue
            stamp = f"{stat.st_size}-{stat.st_mtime_ns}"
            yield prefix + entry.name, FileInfo(stat.st_size, stamp)


def _s3_listing(folder: UPath) -> Iterator[tuple[str, FileInfo]]:
    """A thousand files a request; s3fs' own find holds them all."""
    bucket, _, key = folder.path.rstrip("/").partition("/")
    prefix = f"{key}/" if key else ""
    request = {"Bucket": bucket, "Prefix": prefix}
    while True:
        with as_user_error(folder):
            page = folder.fs.call_s3("list_objects_v2", **request)
        for found in page.get("Contents", ()):
            name = found["Key"].removeprefix(prefix)
            if name and not name.endswith("/"):  # what consoles make to show a folder
                yield name, FileInfo(found["Size"], found["ETag"].strip('"'))
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def sizes(folder: UPath, names: Iterable[str]) -> dict[str, int]:
    """The sizes in bytes of those of the named files that are there, whatever else is."""
    wanted = list(names)
    if not is_local(folder):
        found = {name: info.size for name, info in listing(folder)}
        return {name: found[name] for name in wanted if name in found}
    present = {}
    for name in wanted:
        with suppress(FileNotFoundError, NotADirectoryError):
            present[name] = (Path(folder.path) / name).stat().st_size
    return present


@contextmanager
def local_read(path: UPath) -> Iterator[Path]:
    """A local file with the content of ``path``: itself, or a copy that is gone afterwards."""
    if is_local(path):
        if not Path(path.path).is_file():
            raise UserError(f"{path} does not exist or is not a file.")
        yield Path(path.path)
        return
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch, as_user_error(path):
        local = Path(scratch) / path.name
        path.fs.get_file(path.path, str(local))
        yield local


@contextmanager
def atomic_write(path: UPath) -> Iterator[Path]:
    """A local file to write; it becomes ``path`` whole when the block ends well, or not at all."""
    if is_local(path):
        target = Path(path.path)
        with as_user_error(path):
            target.parent.mkdir(parents=True, exist_ok=True)
        temp_file = _temp_file(target)
        try:
            yield temp_file
            temp_file.replace(target)
        finally:
            temp_file.unlink(missing_ok=True)
        return
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        local = Path(scratch) / path.name
        yield local
        with as_user_error(path):
            path.fs.put_file(str(local), path.path)


def _temp_file(target: Path) -> Path:
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")


def is_temp_file(name: str) -> bool:
    """Whether a file, by its name or path, is one that was not, or not yet, put in place."""
    return bool(TEMP_FILE.fullmatch(name.rsplit("/", 1)[-1]))


def remove_stale_temp_files(folder: UPath) -> None:
    """Remove what killed writers left aside in a folder on a disk, not in its subfolders.

    A file counts as left when nothing was written to it for an hour. What may not be looked at or
    removed, such as another user's in a shared folder, stays.
    """
    if not is_local(folder):
        return  # there a file that was not sent whole is none
    latest = time.time() - STALE_SECONDS
    try:
        with os.scandir(folder.path) as entries:
            left = [entry for entry in entries if is_temp_file(entry.name)]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in left:
        with suppress(FileNotFoundError, PermissionError):  # finished meanwhile, or not ours
            if entry.stat().st_mtime < latest:
                Path(entry.path).unlink()


def read_bytes(path: UPath) -> bytes:
    """The content of a file; UserError if it is missing or denied."""
    with as_user_error(path):
        content: bytes = path.fs.cat_file(path.path)
        return content


def write_bytes(path: UPath, content: bytes) -> None:
    """Put a small file in place whole, replacing one that is there."""
    if is_local(path):
        with atomic_write(path) as temp_file:
            temp_file.write_bytes(content)
    else:
        with as_user_error(path):
            path.fs.pipe_file(path.path, content)


def write_json(path: UPath, content: object) -> None:
    """Put a JSON file in place whole, indented for people."""
    write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def create_bytes(path: UPath, content: bytes) -> bool:
    """Put a new small file in place whole; False, and nothing is changed, if one is there.

    Of several writers at once exactly one succeeds.
    """
    if not is_local(path):
        try:
            with as_user_error(path):
                path.fs.pipe_file(path.path, content, mode="create")
        except FileExistsError:
            return read_bytes(path) == content  # our own, whose answer was lost and tried again
        return True
    target = Path(path.path)
    with as_user_error(path):
        target.parent.mkdir(parents=True, exist_ok=True)
    temp_file = _temp_file(target)
    try:
        temp_file.write_bytes(content)
        os.link(temp_file, target)  # unlike a rename, it refuses a name that is taken
    except FileExistsError:
        return False
    finally:
        temp_file.unlink(missing_ok=True)
    return True


def copy(source: UPath, target: UPath) -> None:
    """Copy one file between any two places."""
    with local_read(source) as local, atomic_write(target) as temp_file:
        shutil.copyfile(local, temp_file)


def remove(paths: Iterable[UPath]) -> None:
    """Remove files; one that is gone already is fine."""
    for path in paths:
        with suppress(FileNotFoundError):
            path.fs.rm_file(path.path)


def check_writable(folder: UPath) -> None:
    """Refuse a folder that cannot be written, before any work is done for it."""
    probe = folder / f".vitrina-{uuid.uuid4().hex[:8]}"
    try:
        write_bytes(probe, b"")
    except (OSError, UserError) as error:
        raise UserError(f"{folder} cannot be written: {error}") from error
    remove([probe])
