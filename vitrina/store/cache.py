"""The user's cache folder, for files that can be computed or downloaded again."""

import os
from collections.abc import Iterable
from pathlib import Path

from upath import UPath

from vitrina.store.files import copy
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import is_local


def user_cache() -> Path:
    """``$VITRINA_CACHE``, by default ``~/.cache/vitrina``."""
    return Path(os.environ.get("VITRINA_CACHE") or "~/.cache/vitrina").expanduser().absolute()


def local_copy(folder: UPath, names: Iterable[str]) -> Path:
    """The folder itself if it is local, else a copy of the named files in the cache.

    The copy is named by the files' fingerprint and each file is written atomically: it is never
    stale, an interrupted copy is resumed, and several processes can copy at once.
    """
    if is_local(folder):
        return Path(folder.path)
    names = list(names)
    key = fingerprint({name: file_fingerprint(folder / name) for name in names})
    target = user_cache() / "s3" / key
    for name in names:
        if not (target / name).is_file():
            copy(folder / name, UPath(target / name))
    return target
