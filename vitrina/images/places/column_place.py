"""The images of a row where a column of the catalogue says."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from vitrina.catalog.column_types import is_list_of_text_type
from vitrina.catalog.rejection import RejectionReason
from vitrina.images.named_files import ADDRESS, UNSAFE, FoundImage
from vitrina.images.places.cell import is_address, listed_sources, sources_of
from vitrina.images.places.column_values import text_values
from vitrina.images.places.paths import Paths
from vitrina.images.places.row_images import RowImages, image_names
from vitrina.images.safe_names import is_unsafe

logger = logging.getLogger(__name__)


@dataclass
class ColumnPlace:
    """Any number of images a row, at the paths that a column of the cleaned table names."""

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
        sources: list[str] = []
        rejected: dict[int, RejectionReason] = {}
        for row, named in enumerate(_sources(batch.column(self.column))):
            if is_unsafe(ids[row]):
                rejected[row] = RejectionReason.UNSAFE_PATH
            elif not named:
                rejected[row] = RejectionReason.NO_IMAGE_VALUE
            else:
                self.several |= len(named) > 1
                rows += [row] * len(named)
                sources += named
        self._tell(sources)
        names = [self._name(source) for source in sources]
        images = [
            found or FoundImage(source, UNSAFE, 0)
            for found, source in zip(self._find(names), sources, strict=True)
        ]
        identities = [name or source for name, source in zip(names, sources, strict=True)]
        by_row = [ids[row] for row in rows]
        return RowImages(rows, image_names(by_row, identities), images, rejected)

    def look_again(self) -> bool:
        """Whether all rows must be looked at once more, now that all have been."""
        return self.paths.look_again()

    def _name(self, source: str) -> str | None:
        """The address or the path that a source means; None for a path that is not allowed."""
        if self.holds != "path" and is_address(source):
            return source
        return f"https://{source}" if self.holds == "url" else self.paths.resolve(source)

    def _find(self, names: Sequence[str | None]) -> Iterator[FoundImage | None]:
        """The image of each address or path; None for None."""
        paths = [name for name in names if name is not None and not is_address(name)]
        found = iter(self.paths.find(paths))
        for name in names:
            if name is None:
                yield None
            else:
                yield FoundImage(name, ADDRESS, 0) if is_address(name) else next(found)

    def _tell(self, sources: Sequence[str]) -> None:
        """Log what the column holds, by its first sources."""
        if sources and not self._is_told:
            self._is_told = True
            addresses = sum(map(is_address, sources))
            kinds = {"addresses": addresses, "paths": len(sources) - addresses}
            shown = " and ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
            logger.info(
                "resize: column %r holds %s at its beginning, first: %s",
                self.column,
                shown,
                sources[0],
            )


def _sources(column: pa.Array) -> Iterable[Sequence[str]]:
    """The sources that each row names."""
    if not is_list_of_text_type(column.type):
        return ([] if text is None else sources_of(text) for text in text_values(column))
    texts = iter(text_values(column.flatten()))
    lengths = pc.list_value_length(column).fill_null(0).to_pylist()
    return (listed_sources([next(texts) for _ in range(length)]) for length in lengths)
