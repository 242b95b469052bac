"""What the user's cache holds, and which of it can go; everything in it can be made again."""

import fcntl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from upath import UPath

from vitrina.store.code_version import code_version
from vitrina.store.usage import Usage, remove_files, stored_files, subfolders

DECODER = "vitrina.images.load:load_pixels"  # whose version the caches of decoded images are of
KINDS = ("s3", "pixels", "runs", "models")


@dataclass(frozen=True)
class CachedFolder:
    """A folder of the cache, and why it stays; empty: it can be removed."""

    label: str
    path: UPath
    usage: Usage
    needed: str


def cached_folders(cache: Path, keep_days: float, *, models: bool) -> list[CachedFolder]:
    """The folders of the cache; ``models`` says whether downloaded models can go too."""
    found = []
    for kind in KINDS:
        for name in subfolders(UPath(cache / kind)):
            path = UPath(cache / kind / name)
            usage = Usage.of(path)
            needed = _needed(kind, Path(path.path), usage, keep_days, models=models)
            found.append(CachedFolder(f"cache: {kind}/{name}", path, usage, needed))
    return found


def _needed(kind: str, path: Path, usage: Usage, keep_days: float, *, models: bool) -> str:
    if kind == "models" and not models:
        return "downloaded model"
    if kind == "pixels":
        if path.name.endswith(f"-{code_version(DECODER)}"):
            return "decoded images"
        return "in use" if _is_open(path / "pixels") else ""
    return "recent" if usage.written > time.time() - keep_days * 86_400 else ""


def _is_open(file: Path) -> bool:
    """Whether a training has a cache of decoded images open: it holds a lock then."""
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def remove_cached(folders: list[CachedFolder]) -> None:
    """Remove the folders that are not needed."""
    for folder in folders:
        if not folder.needed:
            remove_files(folder.path, _names(folder.path))


def _names(path: UPath) -> Iterator[str]:
    return (file.name for file in list(stored_files(path)))
