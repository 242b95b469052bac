"""The user's cache folder, for files that can be computed or downloaded again."""

import atexit
import functools
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from upath import UPath

from vitrina.errors import UserError
from vitrina.store.files import check_writable, copy
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import is_local

logger = logging.getLogger(__name__)


def user_cache() -> Path:
    """``$VITRINA_CACHE``, by default ``~/.cache/vitrina``; it may not be writable."""
    chosen = os.environ.get("VITRINA_CACHE") or "~/.cache/vitrina"
    try:
        return Path(chosen).expanduser().absolute()
    except RuntimeError:  # a user without a home folder, as in many containers
        return Path(tempfile.gettempdir()) / "no-home" / ".cache" / "vitrina"


def check_cache(needed_for: str) -> None:
    """Raise UserError if the cache cannot be written."""
    try:
        check_writable(UPath(user_cache()))
    except UserError as error:
        raise UserError(
            f"{error} It is needed for {needed_for}. Set VITRINA_CACHE to a folder that can be "
            "written."
        ) from error


def local_copy(folder: UPath, names: Iterable[str]) -> Path:
    """The folder itself if it is local, else a copy of the named files in the cache.

    The copy is named by the files' fingerprint and each file is written atomically: it is never
    stale, an interrupted copy is resumed, and several processes can copy at once. Without a cache
    that can be written, it is a temporary copy of this process.
    """
    if is_local(folder):
        return Path(folder.path)
    names = list(names)
    key = fingerprint({name: file_fingerprint(folder / name) for name in names})
    target = user_cache() / "s3" / key
    missing = [name for name in names if not _is_file(target / name)]
    if missing and (error := _unwritable(user_cache())):
        target, missing = _temporary_cache(error) / key, names
    for name in missing:
        if not (target / name).is_file():
            copy(folder / name, UPath(target / name))
    return target


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:  # of a folder above it
        return False


@functools.cache
def _unwritable(cache: Path) -> str:
    """Why the cache cannot be written; empty if it can."""
    try:
        check_writable(UPath(cache))
    except UserError as error:
        return str(error)
    return ""


@functools.cache
def _temporary_cache(reason: str) -> Path:
    """A folder that is removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="vitrina-cache-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    logger.warning("%s Files from S3 are copied again by each run.", reason)
    return folder
