"""Code versions kept in the user's cache: parsing the sources takes a quarter of a second."""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from vitrina.store.cache import user_cache
from vitrina.store.fingerprint import fingerprint

logger = logging.getLogger(__name__)
PACKAGE = Path(__file__).parents[1]


def sources_state() -> str:
    """A hash that changes with every edit of this package: of each file its size and time."""
    files = (entry for folder, _, names in os.walk(PACKAGE) for entry in _sources(folder, names))
    return fingerprint(sorted((str(path), *_size_and_time(path)) for path in files))


def _sources(folder: str, names: Sequence[str]) -> list[Path]:
    return [Path(folder, name) for name in names if name.endswith(".py")]


def _size_and_time(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def read(state: str, entries: Sequence[str]) -> str | None:
    """The version of entries in sources of this state, if it is known."""
    try:
        text = _file(state, entries).read_text(encoding="utf-8")
        return str(json.loads(text)["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not known yet, or cut off by a full disk


def write(state: str, entries: Sequence[str], version: str) -> None:
    """Keep a version; where the cache cannot be written, it is computed again the next time."""
    path = _file(state, entries)
    temp_file = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temp_file.write_text(json.dumps({"version": version}), encoding="utf-8")
        temp_file.replace(path)
    except OSError as error:
        logger.debug("code version not kept: %s", error)


def _file(state: str, entries: Sequence[str]) -> Path:
    return user_cache() / "code-versions" / f"{fingerprint(state, list(entries))}.json"
