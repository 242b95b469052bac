"""Find the images of listings by name, looking only into folders in which an image may be."""

import logging
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from upath import UPath

from vitrina.images.case_guard import CaseGuard
from vitrina.images.compact_listing import hash_texts
from vitrina.images.named_files import MISSING, FoundImage, NamedFiles, composed
from vitrina.images.spellings import differs_in_stem, other_spellings
from vitrina.store.file_info import info_of
from vitrina.store.files import listing
from vitrina.store.paths import is_local

logger = logging.getLogger(__name__)
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
MAX_LISTED = 64  # folders below whose names are kept


@dataclass(frozen=True)
class ImageFiles:
    """The images in a folder and, if they are asked for, in folders below it.

    Unless only exact names count, one that is not there is looked for under names with another
    ending or in other case.
    """

    folder: UPath
    exact: bool = False
    case_guard: CaseGuard = field(default_factory=CaseGuard)
    _told: set[str] = field(default_factory=set)  # what was logged, once of many
    _listed: dict[str, dict[str, str]] = field(default_factory=dict)  # folders below, see _names_in

    def find(self, names: Sequence[str]) -> list[FoundImage]:
        """The file of each name; a name with a slash is that of a file in a folder below."""
        is_below = ["/" in name for name in names]
        if not any(is_below):
            return self._find_in(self._top, names)
        below = iter(self._find_below([name for name in names if "/" in name]))
        flat = [name for name in names if "/" not in name]
        top = iter(self._find_in(self._top, flat) if flat else [])
        return [next(below if deep else top) for deep in is_below]

    @cached_property
    def _top(self) -> NamedFiles:
        return NamedFiles.of(listing(self.folder, deep=False))

    @cached_property
    def _below(self) -> NamedFiles:
        return NamedFiles.of(listing(self.folder))

    def _find_below(self, names: Sequence[str]) -> list[FoundImage]:
        if is_local(self.folder):
            return [self._look_for(name) for name in names]
        return self._find_in(self._below, names)

    def _find_in(self, files: NamedFiles, names: Sequence[str]) -> list[FoundImage]:
        found = files.find(names)
        if self.exact:
            return found
        missing = [place for place, one in enumerate(found) if one.size == MISSING and one.name]
        spellings = [other_spellings(composed(names[position])) for position in missing]
        for position, other in zip(missing, files.find_any(spellings), strict=True):
            if other and self._may_be(names[position], other.name):
                found[position] = other
        self.case_guard.note_exact(names)
        return found

    def _may_be(self, name: str, file: str) -> bool:
        """Whether a file of another spelling may be taken for the named one."""
        differs = differs_in_stem(composed(name), composed(file))
        if differs and not self.case_guard.allows(file):
            return False
        self._tell_spelling(name, file)
        return True

    def _look_for(self, name: str) -> FoundImage:
        """A file in a local folder below; only that folder is listed, if the file is missing."""
        with self._noting_denied():
            for form in _forms(name):
                if found := self._file(form):
                    self.case_guard.note_exact([name])
                    return found
            for file in () if self.exact else self._other_names(name):
                if self._may_be(name, file) and (found := self._file(file)):
                    return found
        return FoundImage(name, MISSING, 0)

    def _file(self, name: str) -> FoundImage | None:
        info = info_of(Path(self.folder.path) / name)
        return info and FoundImage(name, info.size, int(hash_texts([info.stamp])[0]))

    def _other_names(self, name: str) -> Iterator[str]:
        """The files of other spellings in the folder of a local file."""
        for form in _forms(name):
            parent, _, file = form.rpartition("/")
            present = self._names_in(parent)
            for other in other_spellings(composed(file)):
                if other in present:
                    yield f"{parent}/{present[other]}"

    def _names_in(self, folder: str) -> dict[str, str]:
        """The names in a folder below, by their NFC."""
        if folder not in self._listed:
            if len(self._listed) >= MAX_LISTED:
                self._listed.pop(next(iter(self._listed)))
            with suppress(FileNotFoundError, NotADirectoryError):
                paths = (Path(self.folder.path) / folder).iterdir()
                self._listed[folder] = {composed(path.name): path.name for path in paths}
        return self._listed.get(folder, {})

    @contextmanager
    def _noting_denied(self) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            if "denied" not in self._told:
                logger.warning("%s: an image that may not be read counts as missing", error)
                self._told.add("denied")

    def _tell_spelling(self, name: str, file: str) -> None:
        if "spelling" not in self._told:
            logger.info("resize: %s is taken for %s, and other images likewise", file, name)
            self._told.add("spelling")


def _forms(name: str) -> Sequence[str]:
    """A name as it is, and in the Unicode forms in which systems store names."""
    if name.isascii():
        return (name,)
    return tuple(dict.fromkeys((name, *(unicodedata.normalize(form, name) for form in FORMS))))
