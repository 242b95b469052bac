"""The user's cache: what can be made or fetched again, on the local disk."""

import os
from collections.abc import Iterable
from pathlib import Path

from upath import UPath

from vitrina.store.files import copy
from vitrina.store.fingerprint import file_fingerprint, fingerprint
from vitrina.store.paths import is_local


def user_cache() -> Path:
    """The folder for what can be made again: ``$VITRINA_CACHE``, else in the user's cache."""
    return Path(os.environ.get("VITRINA_CACHE") or "~/.cache/vitrina").expanduser().absolute()


def local_copy(folder: UPath, names: Iterable[str]) -> Path:
    """The folder itself if it is local, else a copy of the named files, kept in the cache.

    Its name is their fingerprint and each file arrives whole, so copies never go stale, a killed
    one goes on and several at once do no harm.
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
