"""The images of a row where a column of the catalogue says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from vitrina.catalog.column_types import is_list_of_text_type
from vitrina.catalog.rejection import RejectionReason
from vitrina.images.named_files import UNSAFE, FoundImage
from vitrina.images.places.cell import listed_sources, sources_of
from vitrina.images.places.column_values import text_values
from vitrina.images.places.paths import Paths
from vitrina.images.places.row_images import RowImages, image_names
from vitrina.images.safe_names import is_unsafe


@dataclass
class ColumnPlace:
    """Any number of images a row, at the paths that a column of the cleaned table names."""

    column: str
    paths: Paths
    several: bool  # whether the column has lists, or a row has been seen that names more than one

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
        images = self._find(sources)
        names = image_names([ids[row] for row in rows], sources)
        return RowImages(rows, names, images, rejected)

    def look_again(self) -> bool:
        """Whether all rows must be looked at once more, now that all have been."""
        return self.paths.look_again()

    def _find(self, sources: Sequence[str]) -> Sequence[FoundImage]:
        resolved = [self.paths.resolve(source) for source in sources]
        found = iter(self.paths.find([name for name in resolved if name is not None]))
        return [
            FoundImage(source, UNSAFE, 0) if name is None else next(found)
            for source, name in zip(sources, resolved, strict=True)
        ]


def _sources(column: pa.Array) -> Iterable[Sequence[str]]:
    """The sources that each row names."""
    if not is_list_of_text_type(column.type):
        return ([] if text is None else sources_of(text) for text in text_values(column))
    texts = iter(text_values(column.flatten()))
    lengths = pc.list_value_length(column).fill_null(0).to_pylist()
    return (listed_sources([next(texts) for _ in range(length)]) for length in lengths)
