"""The images of a row where a column of the catalogue says."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from vitrina.catalog.image_refs import CatalogImage
from vitrina.catalog.rejection import RejectionReason
from vitrina.images.named_files import ADDRESS, UNSAFE, FoundImage
from vitrina.images.places.cell import is_address
from vitrina.images.places.paths import Paths
from vitrina.images.places.row_images import RowImages, image_names
from vitrina.images.places.row_sources import Source, row_sources
from vitrina.images.safe_names import is_unsafe

logger = logging.getLogger(__name__)


@dataclass
class ColumnPlace:
    """Any number of images a row, which a column of the cleaned table names or refers to."""

    column: str
    holds: Literal["auto", "path", "url"]
    paths: Paths
    several: bool  # whether the column has lists, or a row has been seen that names more than one
    _is_told: bool = False
    has_addresses = True

    @property
    def columns(self) -> Sequence[str]:
        """The column."""
        return (self.column,)

    def find(self, batch: pa.RecordBatch, ids: Sequence[str]) -> RowImages:
        """The images of each row, in the order in which it names them."""
        rows: list[int] = []
        sources: list[Source] = []
        rejected: dict[int, RejectionReason] = {}
        for row, named in enumerate(row_sources(batch.column(self.column))):
            if is_unsafe(ids[row]):
                rejected[row] = RejectionReason.UNSAFE_PATH
            elif not named:
                rejected[row] = RejectionReason.NO_IMAGE_VALUE
            else:
                self.several |= len(named) > 1
                rows += [row] * len(named)
                sources += named
        self._tell(sources)
        targets = [self._target(source) for source in sources]
        names = image_names([ids[row] for row in rows], list(map(_identity, targets, sources)))
        return RowImages(rows, names, list(self._find(targets, sources)), rejected)

    def look_again(self) -> bool:
        """Whether all rows must be looked at once more, now that all have been."""
        return self.paths.look_again()

    def _target(self, source: Source) -> Source | None:
        """Where a source is looked for; None for a path that is not allowed."""
        if isinstance(source, CatalogImage) or (self.holds != "path" and is_address(source)):
            return source
        return f"https://{source}" if self.holds == "url" else self.paths.resolve(source)

    def _find(
        self, targets: Sequence[Source | None], sources: Sequence[Source]
    ) -> Iterator[FoundImage]:
        """The image at each target; those that are not looked for have the source as their name."""
        found = iter(self.paths.find([one for one in targets if _kind(one) == "paths"]))  # type: ignore[misc]  # they are str
        for target, source in zip(targets, sources, strict=True):
            if isinstance(target, CatalogImage):
                place = f"file {target.part} row {target.row} image {target.item}"
                yield FoundImage(place, target.size, target.hash, target)
            elif target is None:
                yield FoundImage(str(source), UNSAFE, 0)
            else:
                yield FoundImage(target, ADDRESS, 0) if is_address(target) else next(found)

    def _tell(self, sources: Sequence[Source]) -> None:
        """Log what the column holds, by its first sources."""
        if sources and not self._is_told:
            self._is_told = True
            kinds = Counter(map(_kind, sources))
            shown = " and ".join(f"{count} {kind}" for kind, count in kinds.items())
            logger.info("resize: column %r begins with %s", self.column, shown)


def _kind(source: Source | None) -> str:
    if isinstance(source, CatalogImage):
        return "images"
    return "nothing" if source is None else "addresses" if is_address(source) else "paths"


def _identity(target: Source | None, source: Source) -> str:
    """What the name of a resized image is made of."""
    return f"{target.hash:016x}" if isinstance(target, CatalogImage) else str(target or source)
