"""Files in a local folder or on S3: list, read, write atomically, copy, remove.

A file is written to a temp file first and then renamed, or sent to S3 as one object, so readers
never see half of it.
"""

import errno
import json
import logging
import os
import re
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from upath import UPath

from vitrina.errors import UserError
from vitrina.store.failures import disk_errors_as_user_errors
from vitrina.store.file_info import FileInfo, local_info, regular_file, s3_pages
from vitrina.store.paths import as_user_error, is_local

logger = logging.getLogger(__name__)
TEMP_FILE = re.compile(r"\..+\.[0-9a-f]{8}\.part")  # .<name>.<random>.part
STALE_SECONDS = 3_600  # a temp file that was not written to for so long has lost its writer
STALE_CLAIM_SECONDS = 30  # for a rename, which takes milliseconds


def listing(folder: UPath, *, deep: bool = True) -> Iterator[tuple[str, FileInfo]]:
    """All files of a folder, by relative path, and those below it if ``deep``; none if it is none.

    A generator, so that memory does not grow with the number of files. Locally, a file that is
    added during the listing may or may not be included, folders below that may not be read are
    skipped, which is logged once, and links that lead back are not followed. Raises UserError, at
    the first file, if access is denied or the bucket does not exist.
    """
    if not is_local(folder):
        for page in s3_pages(folder, deep=deep):
            yield from page
        return
    with as_user_error(folder):
        yield from _local_listing(Path(folder.path), deep=deep)


def _local_listing(top: Path, *, deep: bool) -> Iterator[tuple[str, FileInfo]]:
    """Raises PermissionError if ``top`` may not be read."""
    denied: list[OSError] = []
    waiting = [(top, "", _folder_ids(top))]
    while waiting:
        folder, prefix, above = waiting.pop()
        try:
            entries = os.scandir(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as error:
            if folder == top:
                raise
            denied.append(error)
            continue
        with entries:
            for entry in entries:
                if not (status := _status(entry, denied)):
                    continue
                folder_id = (status.st_dev, status.st_ino)
                if not stat.S_ISDIR(status.st_mode):
                    if info := local_info(status):
                        yield prefix + entry.name, info
                elif deep and folder_id not in above:  # else a link that leads back
                    below = f"{prefix}{entry.name}/"
                    waiting.append((Path(entry.path), below, above | {folder_id}))
    if denied:
        logger.warning("skipped %d that may not be read, first: %s", len(denied), denied[0])


def _folder_ids(folder: Path) -> frozenset[tuple[int, int]]:
    with suppress(OSError):
        status = folder.stat()
        return frozenset({(status.st_dev, status.st_ino)})
    return frozenset()


def _status(entry: "os.DirEntry[str]", denied: list[OSError]) -> os.stat_result | None:
    """Of what an entry of a folder, or its link, leads to; None if it cannot be reached."""
    try:
        return entry.stat()
    except PermissionError as error:
        denied.append(error)
    except OSError as error:
        # Replaced or removed during the listing, or a symbolic link to itself.
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
    return None


def sizes(folder: UPath, names: Iterable[str]) -> dict[str, int]:
    """The size in bytes of each of the named files that exists."""
    if not is_local(folder):
        listed = {name: info.size for name, info in listing(folder)}
        return {name: listed[name] for name in names if name in listed}
    present = {}
    for name in names:
        with suppress(FileNotFoundError, NotADirectoryError):
            present[name] = (Path(folder.path) / name).stat().st_size
    return present


@contextmanager
def local_read(path: UPath) -> Iterator[Path]:
    """``path`` itself if it is local, else a temporary local copy. UserError if it is missing."""
    if is_local(path):
        yield regular_file(path)
        return
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch, as_user_error(path):
        local = Path(scratch) / path.name
        path.fs.get_file(path.path, str(local))
        yield local


@contextmanager
def atomic_write(path: UPath, size: int = 0) -> Iterator[Path]:
    """A temp file to write, which replaces ``path`` if the block succeeds and is removed if not.

    Raises DiskFullError if there is no room; ``size`` in bytes, if known, is then named.
    """
    if is_local(path):
        target = Path(path.path)
        with as_user_error(path):
            if not target.parent.is_dir():  # mkdir alone would cost each file two system calls
                target.parent.mkdir(parents=True, exist_ok=True)
        temp_file = temp_file_beside(target)
        try:
            with disk_errors_as_user_errors(path, temp_file, size):
                yield temp_file
                temp_file.replace(target)
        except BaseException:
            _discard(temp_file)
            raise
        return
    with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
        local = Path(scratch) / path.name
        with disk_errors_as_user_errors(path, local, size):
            yield local
        with as_user_error(path):
            path.fs.put_file(str(local), path.path)


def temp_file_beside(target: Path) -> Path:
    """A new name for a temp file in the folder of ``target``."""
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")


def _discard(temp_file: Path) -> None:
    """Remove a temp file, if it is there; on a read-only disk even that is an error."""
    with suppress(OSError):
        temp_file.unlink()


def is_temp_file(name: str) -> bool:
    """Whether a name or path is that of a temp file."""
    return bool(TEMP_FILE.fullmatch(name.rsplit("/", 1)[-1]))


def remove_stale_temp_files(folder: UPath) -> None:
    """Remove the temp files of killed writers from a local folder, not from its subfolders.

    A temp file is stale if nothing was written to it for an hour. Files without permission, such
    as another user's in a shared folder, are left alone.
    """
    if not is_local(folder):
        return  # S3 keeps no object of an interrupted upload
    latest = time.time() - STALE_SECONDS
    try:
        with os.scandir(folder.path) as entries:
            temp_files = [entry for entry in entries if is_temp_file(entry.name)]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    for entry in temp_files:
        with suppress(FileNotFoundError, PermissionError):  # renamed by now, or another user's
            if entry.stat().st_mtime < latest:
                Path(entry.path).unlink()


def read_bytes(path: UPath) -> bytes:
    """The content of a file, in one request. UserError if it is missing or access is denied."""
    if is_local(path):
        local = regular_file(path)
        with as_user_error(path), local.open("rb", buffering=0) as file:
            return file.read()
    with as_user_error(path):
        # With more requests at a time s3fs first asks for the size.
        content: bytes = path.fs.cat_file(path.path, max_concurrency=1)
        return content


def read_start(path: UPath, size: int) -> bytes:
    """The first ``size`` bytes of a file, or all of a smaller one. UserError as of read_bytes."""
    name = str(regular_file(path)) if is_local(path) else path.path
    with as_user_error(path):
        if not is_local(path) and not path.fs.size(name):
            return b""  # S3 refuses any range of an empty file
        content: bytes = path.fs.cat_file(name, start=0, end=size)
        return content


def write_bytes(path: UPath, content: bytes) -> None:
    """Write a small file atomically, replacing an existing one."""
    if is_local(path):
        with atomic_write(path, len(content)) as temp_file:
            temp_file.write_bytes(content)
    else:
        with as_user_error(path):
            path.fs.pipe_file(path.path, content)


def write_json(path: UPath, content: object) -> None:
    """Write an indented JSON file atomically."""
    write_bytes(path, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def create_bytes(path: UPath, content: bytes) -> bool:
    """Write a small file atomically unless it exists; whether it was written.

    Of several concurrent writers exactly one succeeds.
    """
    if not is_local(path):
        try:
            with as_user_error(path):
                path.fs.pipe_file(path.path, content, mode="create")
        except FileExistsError:
            # A request whose response was lost is sent again and then finds our own file.
            return read_bytes(path) == content
        return True
    target = Path(path.path)
    with as_user_error(path):
        target.parent.mkdir(parents=True, exist_ok=True)
    temp_file = temp_file_beside(target)
    try:
        with disk_errors_as_user_errors(path, temp_file, len(content)):
            temp_file.write_bytes(content)
        return _move_unless_exists(temp_file, target)
    finally:
        _discard(temp_file)


def _move_unless_exists(temp_file: Path, target: Path) -> bool:
    """Give a file the name ``target`` unless there is such a file; False if there is."""
    try:
        os.link(temp_file, target)  # unlike a rename, this fails if the target exists
    except FileExistsError:
        return False
    except OSError:  # without hard links: exFAT, Google Drive, some network disks
        with _claimed(target):
            if target.exists():
                return False
            temp_file.replace(target)
    return True


@contextmanager
def _claimed(target: Path) -> Iterator[None]:
    """Hold ``.<name>.claim``, which only one writer can create; a stale claim is removed."""
    claim = target.with_name(f".{target.name}.claim")
    while True:
        try:
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            with suppress(FileNotFoundError):
                if claim.stat().st_mtime < time.time() - STALE_CLAIM_SECONDS:
                    claim.unlink()
            time.sleep(0.02)
    try:
        yield
    finally:
        claim.unlink(missing_ok=True)


def copy(source: UPath, target: UPath) -> None:
    """Copy a file, from and to a local folder or S3."""
    with local_read(source) as local, atomic_write(target, local.stat().st_size) as temp_file:
        shutil.copyfile(local, temp_file)


def remove(paths: Iterable[UPath]) -> None:
    """Remove files; those that do not exist are ignored."""
    for path in paths:
        with suppress(FileNotFoundError):
            path.fs.rm_file(path.path)


def check_writable(folder: UPath) -> None:
    """Raise UserError if files cannot be written to a folder."""
    probe = folder / f".vitrina-{uuid.uuid4().hex[:8]}"
    try:
        write_bytes(probe, b"")
    except (OSError, UserError) as error:
        kind = type(error) if isinstance(error, UserError) else UserError
        reason = str(error).removeprefix(f"{probe} cannot be written: ")
        raise kind(f"{folder} cannot be written: {reason}") from error
    remove([probe])
