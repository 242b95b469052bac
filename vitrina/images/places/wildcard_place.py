"""The images of a row: all files whose paths match a pattern with wildcards."""

import logging
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa
from upath import UPath

from vitrina.catalog.rejection import RejectionReason
from vitrina.config.image_pattern import WILDCARD
from vitrina.images.named_files import MISSING, FoundImage, composed
from vitrina.images.places.row_images import RowImages, image_names
from vitrina.images.places.row_paths import RowPaths
from vitrina.images.places.sorted_files import FolderFiles, ListedFolders, SortedFiles
from vitrina.images.places.wildcard import matches, matches_nearly, natural_order
from vitrina.store.failures import AccessDeniedError
from vitrina.store.files import listing
from vitrina.store.paths import is_local

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WildcardPlace:
    """Any number of images a row, below ``folder``, which the pattern's paths do not repeat."""

    paths: RowPaths
    folder: str  # of the folder of images, "" or with a slash
    root: UPath  # the two together
    several = True
    has_addresses = False
    _listed: ListedFolders = field(default_factory=ListedFolders)  # local ones below
    _denied: list[str] = field(default_factory=list)  # the first folder that may not be listed

    @property
    def columns(self) -> Sequence[str]:
        """The columns of the cleaned table that make the path."""
        return list(self.paths.columns.values())

    def find(self, batch: pa.RecordBatch, ids: Sequence[str]) -> RowImages:
        """The images of each row, in the natural order of their names."""
        rows: list[int] = []
        images: list[FoundImage] = []
        rejected: dict[int, RejectionReason] = {}
        for row, path in enumerate(self.paths.of(batch, ids)):
            if isinstance(path, RejectionReason):
                rejected[row] = path
            else:
                found = self._matching(path)
                rows += [row] * len(found)
                images += found
        names = image_names([ids[row] for row in rows], [image.name for image in images])
        return RowImages(rows, names, images, rejected)

    def look_again(self) -> bool:
        """Never: whatever matches is a row's image."""
        return False

    def _matching(self, path: Sequence[str]) -> list[FoundImage]:
        """The files of a path, split at its wildcards; if there are none, those that nearly match.

        Names are compared in NFC. Without any file, the path itself is what is missing.
        """
        texts = [composed(text) for text in path]
        candidates = [(composed(one.name), one) for one in self._starting_with(texts[0])]
        found = [named for named in candidates if matches(named[0], texts)]
        if not found:
            found = [named for named in candidates if matches_nearly(named[0], texts)]
        found.sort(key=lambda named: natural_order(named[0]))
        files = [image for _, image in found] or [FoundImage(WILDCARD.join(path), MISSING, 0)]
        return [image._replace(name=self.folder + image.name) for image in files]

    def _starting_with(self, start: str) -> list[FoundImage]:
        parent, slash, name = start.rpartition("/")
        if not slash:
            return self._top.starting_with(name)
        if not is_local(self.root):
            return self._below.starting_with(start)
        for form in dict.fromkeys((parent, unicodedata.normalize("NFD", parent))):
            if found := self._in_folder(form).starting_with(name):
                return [image._replace(name=f"{form}/{image.name}") for image in found]
        return []

    @cached_property
    def _top(self) -> SortedFiles:
        return SortedFiles.of(listing(self.root, deep=False))

    @cached_property
    def _below(self) -> SortedFiles:
        return SortedFiles.of(listing(self.root))

    def _in_folder(self, name: str) -> FolderFiles:
        """The files of a local folder below; none if it is missing or may not be read."""
        if (known := self._listed.get(name)) is None:
            known = self._listed.add(name, self._list(name))
        return known

    def _list(self, name: str) -> FolderFiles:
        try:
            return FolderFiles.of(listing(self.root / name, deep=False))
        except AccessDeniedError as error:
            if not self._denied:
                logger.warning("%s Images in it count as missing.", error)
                self._denied.append(name)
            return FolderFiles.of(())
