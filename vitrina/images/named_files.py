"""Files by name, in any Unicode form of it."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from vitrina.catalog.image_refs import CatalogImage
from vitrina.images.compact_listing import CompactListing
from vitrina.store.file_info import FileInfo

# Sizes of files that cannot be read.
MISSING = -1  # there is none
UNSAFE = -2  # it is where none may be looked for
ADDRESS = -3  # it is no file: its name is an http(s) address


class FoundImage(NamedTuple):
    """An image, most often a file."""

    name: str  # as it is stored, perhaps in another Unicode form than asked for
    size: int  # in bytes; MISSING, UNSAFE or ADDRESS
    stamp: int  # a hash of the stamp of its FileInfo
    held: CatalogImage | None = None  # in the catalogue: then the stamp is that of its bytes

    @property
    def identity(self) -> str:
        """What tells it from other images of the same stamp: nothing, if that is of its bytes."""
        return self.name if self.held is None else ""


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

    def find_any(self, spellings: Sequence[Sequence[str]]) -> list[FoundImage | None]:
        """For each image the first of its names, in NFC, that a file has."""
        names = [self.stored.get(name, name) for some in spellings for name in some]
        found = iter(self._exactly(names))
        groups = [[next(found) for _ in some] for some in spellings]
        return [next((one for one in some if one.size != MISSING), None) for some in groups]

    def _exactly(self, names: Sequence[str]) -> list[FoundImage]:
        sizes, stamps = self.listed.find(names)
        return [
            FoundImage(*found) for found in zip(names, sizes.tolist(), stamps.tolist(), strict=True)
        ]


def composed(name: str) -> str:
    """A name in NFC."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)
