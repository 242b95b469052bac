"""Files that are found by the beginning of their names, in any Unicode form and any case of it."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from vitrina.images.compact_listing import hash_texts
from vitrina.images.named_files import FoundImage
from vitrina.images.places.wildcard import folded
from vitrina.store.file_info import FileInfo

CHUNK = 2_000  # files taken in at a time
MAX_FILES = 200_000  # whose names are kept, of folders below
LAST = "\U0010ffff"  # sorts behind every character of a name
SCHEMA = pa.schema(
    [
        ("key", pa.large_string()),  # the name, folded
        ("name", pa.large_string()),
        ("size", pa.int64()),
        ("stamp", pa.uint64()),
    ]
)


@dataclass(frozen=True)
class SortedFiles:
    """The files of a large listing: the bytes of their names, twice, and 32 more a file."""

    files: pa.Table

    @classmethod
    def of(cls, listing: Iterable[tuple[str, FileInfo]]) -> Self:
        """Take in a listing. Names that are not valid UTF-8 are left out: no row can mean them."""
        named = iter((name, info) for name, info in listing if _is_text(name))
        chunks = [SCHEMA.empty_table()]
        while chunk := list(islice(named, CHUNK)):
            columns: list[Any] = [
                [folded(name) for name, _ in chunk],
                [name for name, _ in chunk],
                [info.size for _, info in chunk],
                hash_texts([info.stamp for _, info in chunk]),
            ]
            chunks.append(pa.table(columns, SCHEMA))
        files = pa.concat_tables(chunks)
        return cls(files.take(pc.sort_indices(files["key"])).combine_chunks())

    def starting_with(self, start: str) -> list[FoundImage]:
        """The files whose names start with a text."""
        first = self._position(folded(start))
        found = self.files.slice(first, self._position(folded(start) + LAST) - first)
        columns = (found[name].to_pylist() for name in ("name", "size", "stamp"))
        return [FoundImage(*one) for one in zip(*columns, strict=True)]

    def _position(self, key: str) -> int:
        return bisect_left(self.files["key"], key, key=lambda scalar: scalar.as_py())


@dataclass(frozen=True)
class FolderFiles:
    """The files of a small folder, which is taken in at once."""

    keys: Sequence[str]  # their names, folded and sorted
    files: Sequence[FoundImage]

    @classmethod
    def of(cls, listing: Iterable[tuple[str, FileInfo]]) -> Self:
        """Take in a listing."""
        named = list(listing)
        stamps = hash_texts([info.stamp for _, info in named]).tolist()
        found = [
            (folded(name), FoundImage(name, info.size, stamp))
            for (name, info), stamp in zip(named, stamps, strict=True)
        ]
        found.sort()
        return cls([key for key, _ in found], [file for _, file in found])

    def starting_with(self, start: str) -> Sequence[FoundImage]:
        """The files whose names start with a text."""
        key = folded(start)
        return self.files[bisect_left(self.keys, key) : bisect_left(self.keys, key + LAST)]


@dataclass
class ListedFolders:
    """The folders that were listed last, of ``MAX_FILES`` files together."""

    _by_name: dict[str, FolderFiles] = field(default_factory=dict)
    _files: int = 0

    def get(self, name: str) -> FolderFiles | None:
        """The files of a folder, if they are known."""
        return self._by_name.get(name)

    def add(self, name: str, files: FolderFiles) -> FolderFiles:
        """Remember the files of a folder, and forget those of the first ones."""
        self._by_name[name] = files
        self._files += 1 + len(files.keys)
        while self._files > MAX_FILES and len(self._by_name) > 1:
            first = self._by_name.pop(next(iter(self._by_name)))
            self._files -= 1 + len(first.keys)
        return files


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
