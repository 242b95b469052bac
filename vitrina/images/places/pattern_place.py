"""The image of a row at a path that is made of its columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from vitrina.catalog.rejection import RejectionReason
from vitrina.images.image_files import ImageFiles
from vitrina.images.places.row_images import RowImages
from vitrina.images.places.row_paths import RowPaths


@dataclass(frozen=True)
class PatternPlace:
    """One image a row, below ``folder``, which the pattern's paths do not repeat."""

    paths: RowPaths
    folder: str  # of the folder of images, "" or with a slash
    files: ImageFiles
    several = False
    has_addresses = False

    @property
    def columns(self) -> Sequence[str]:
        """The columns of the cleaned table that make the path."""
        return list(self.paths.columns.values())

    def find(self, batch: pa.RecordBatch, ids: Sequence[str]) -> RowImages:
        """The image of each row, which may be missing."""
        paths = self.paths.of(batch, ids)
        rejected = {
            row: path for row, path in enumerate(paths) if isinstance(path, RejectionReason)
        }
        rows = [row for row in range(len(ids)) if row not in rejected]
        images = self.files.find([paths[row][0] for row in rows])
        if self.folder:
            images = [image._replace(name=self.folder + image.name) for image in images]
        return RowImages(rows, [ids[row] for row in rows], images, rejected)

    def look_again(self) -> bool:
        """Whether all rows must be looked at once more, now that all have been."""
        return self.files.case_guard.look_again()
