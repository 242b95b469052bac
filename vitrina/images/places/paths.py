"""Files by the paths that a catalogue names: below the folder of images, or anywhere."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from upath import UPath

from vitrina.images.compact_listing import hash_texts
from vitrina.images.image_files import ImageFiles
from vitrina.images.named_files import MISSING, FoundImage
from vitrina.images.safe_names import is_unsafe
from vitrina.store.file_info import FileInfo, S3Folder
from vitrina.store.paths import is_local, to_path


class Paths(Protocol):
    """The files that paths in a catalogue may mean."""

    def resolve(self, path: str) -> str | None:
        """The name by which a file is looked for; None if the path leads where it must not."""

    def find(self, names: Sequence[str]) -> Sequence[FoundImage]:
        """The file of each name."""

    def look_again(self) -> bool:
        """Whether all rows must be looked at once more, now that all have been."""


@dataclass(frozen=True)
class PathsBelow:
    """Paths below a folder, relative to it or absolute; no other path is looked at."""

    files: ImageFiles

    def resolve(self, path: str) -> str | None:
        """The path relative to the folder; None for one outside of it."""
        if path.startswith("/") or "://" in path:
            starts = (start for start in self._starts if path.startswith(start))
            path = next((path[len(start) :] for start in starts), "..")
        return None if is_unsafe(path) else path

    def find(self, names: Sequence[str]) -> Sequence[FoundImage]:
        """The file of each relative path."""
        return self.files.find(names)

    def look_again(self) -> bool:
        """Whether all rows must be looked at once more, now that all have been."""
        return self.files.case_guard.look_again()

    @cached_property
    def _starts(self) -> Sequence[str]:
        """How absolute paths below the folder begin, also with its links resolved."""
        folder = self.files.folder
        if not is_local(folder):
            return (f"{str(folder).rstrip('/')}/",)
        path = Path(folder.path)
        return tuple(f"{str(one).rstrip('/')}/" for one in dict.fromkeys((path, path.resolve())))


@dataclass(frozen=True)
class PathsAnywhere:
    """Absolute paths, local or s3://, and those relative to the catalogue's folder."""

    folder: UPath
    _local: ImageFiles = field(default_factory=lambda: ImageFiles(UPath("/")))
    _buckets: dict[str, S3Folder] = field(default_factory=dict)  # folders by their address

    def resolve(self, path: str) -> str | None:
        """The absolute path; None for one that no store can name."""
        if "\0" in path or "::" in path or "?versionId=" in path:
            return None
        if path.startswith("s3://"):
            return path if path.count("/") > 2 and not path.endswith("/") else None
        if "://" in path:
            return None
        if is_local(self.folder) or path.startswith("/"):
            return os.path.normpath(Path(self.folder.path) / path)
        return None if is_unsafe(path) else f"{self.folder}/{path}"

    def find(self, names: Sequence[str]) -> Sequence[FoundImage]:
        """The file of each absolute path."""
        local = iter(self._find_local([name for name in names if name.startswith("/")]))
        remote = iter(self._find_on_s3([name for name in names if not name.startswith("/")]))
        return [next(local if name.startswith("/") else remote) for name in names]

    def look_again(self) -> bool:
        """Whether all rows must be looked at once more, now that all have been."""
        return self._local.case_guard.look_again()

    def _find_local(self, names: Sequence[str]) -> list[FoundImage]:
        found = self._local.find([name[1:] for name in names])
        return [image._replace(name=f"/{image.name}") for image in found]

    def _find_on_s3(self, names: Sequence[str]) -> list[FoundImage]:
        """In few requests: see S3Folder."""
        by_folder: dict[str, list[str]] = {}
        for name in names:
            folder, _, file = name.rpartition("/")
            by_folder.setdefault(folder, []).append(file)
        known: dict[str, FileInfo] = {}
        for folder, files in by_folder.items():
            bucket = self._buckets.setdefault(folder, S3Folder(to_path(folder)))
            known |= {f"{folder}/{file}": info for file, info in bucket.find(files).items()}
        return [_found(name, known.get(name)) for name in names]


def _found(name: str, info: FileInfo | None) -> FoundImage:
    if info is None:
        return FoundImage(name, MISSING, 0)
    return FoundImage(name, info.size, int(hash_texts([info.stamp])[0]))
