"""Find the images of listings by name, looking only into folders in which an image may be."""

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Self

from upath import UPath

from vitrina.images.resize_index import CompactListing, hash_texts
from vitrina.store.file_info import FileInfo, info_of
from vitrina.store.files import listing
from vitrina.store.paths import is_local

logger = logging.getLogger(__name__)
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
MISSING = -1  # the size of a file that is not there


class FoundImage(NamedTuple):
    """An image file."""

    name: str  # as it is stored, perhaps in another Unicode form than asked for
    size: int  # in bytes, MISSING if there is no such file
    stamp: int  # a hash of the stamp of its FileInfo


@dataclass(frozen=True)
class NamedFiles:
    """A listing that finds a name in any Unicode form."""

    listed: CompactListing
    stored: dict[str, str]  # by their names in NFC, those that are stored in another form

    @classmethod
    def of(cls, files: Iterable[tuple[str, FileInfo]]) -> Self:
        """Take in a listing, one file after another."""
        stored: dict[str, str] = {}

        def noted() -> Iterator[tuple[str, FileInfo]]:
            for name, info in files:
                if not unicodedata.is_normalized("NFC", name):
                    stored[unicodedata.normalize("NFC", name)] = name
                yield name, info

        return cls(CompactListing.of(noted()), stored)

    def find(self, names: Sequence[str]) -> list[FoundImage]:
        """The file of each name: the one that is named exactly so, else one of equal NFC."""
        found = self._exactly(names)
        for position, image in enumerate(found):
            if image.size == MISSING and not image.name.isascii():
                composed = unicodedata.normalize("NFC", image.name)
                for name in {composed, self.stored.get(composed, composed)}:
                    (other,) = self._exactly([name])
                    if other.size != MISSING:
                        found[position] = other
        return found

    def _exactly(self, names: Sequence[str]) -> list[FoundImage]:
        sizes, stamps = self.listed.find(names)
        return [
            FoundImage(*found) for found in zip(names, sizes.tolist(), stamps.tolist(), strict=True)
        ]


@dataclass(frozen=True)
class ImageFiles:
    """The images in a folder and, if they are asked for, in folders below it."""

    folder: UPath
    top: NamedFiles  # of the folder itself
    denied: list[str] = field(default_factory=list)  # the first file that may not be looked for

    @classmethod
    def of(cls, folder: UPath, *, is_flat: bool = True) -> Self:
        """List a folder, unless no image is expected in the folder itself."""
        files = listing(folder, deep=False) if is_flat else ()
        return cls(folder, NamedFiles.of(files))

    def find(self, names: Sequence[str]) -> list[FoundImage]:
        """The file of each name; a name with a slash is that of a file in a folder below."""
        found = self.top.find(names)
        deep = [position for position, name in enumerate(names) if "/" in name]
        if is_local(self.folder):
            below = [self._look_for(names[position]) for position in deep]
        else:
            below = self._below.find([names[position] for position in deep]) if deep else []
        for position, image in zip(deep, below, strict=True):
            found[position] = image
        return found

    @cached_property
    def _below(self) -> NamedFiles:
        return NamedFiles.of(listing(self.folder))

    def _look_for(self, name: str) -> FoundImage:
        """A file in a local folder below, without listing that folder."""
        try:
            for form in _forms(name):
                if info := info_of(Path(self.folder.path) / form):
                    return FoundImage(form, info.size, int(hash_texts([info.stamp])[0]))
        except PermissionError as error:
            if not self.denied:
                logger.warning("%s: an image that may not be read counts as missing", error)
                self.denied.append(name)
        return FoundImage(name, MISSING, 0)


def _forms(name: str) -> Sequence[str]:
    """A name as it is, and in the Unicode forms in which systems store names."""
    if name.isascii():
        return (name,)
    return tuple(dict.fromkeys((name, *(unicodedata.normalize(form, name) for form in FORMS))))
