"""The images of a batch of rows, as the places where they may be give them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from vitrina.catalog.rejection import RejectionReason
from vitrina.images.compact_listing import hash_texts
from vitrina.images.named_files import FoundImage


@dataclass(frozen=True)
class RowImages:
    """The images of some rows, in the order of the rows and of each row's images.

    ``names`` are those of the resized images, without ``.jpg``. A row has at least one image, which
    may be missing, unless there is a reason why none can be looked for.
    """

    rows: Sequence[int]
    names: Sequence[str]
    images: Sequence[FoundImage]
    rejected: Mapping[int, RejectionReason] = field(default_factory=dict)  # by row


class ImagePlace(Protocol):
    """Where the images of a row are."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns of the cleaned table that say it, besides ``nm``."""

    @property
    def several(self) -> bool:
        """Whether a row may have several images."""

    @property
    def has_addresses(self) -> bool:
        """Whether images may be at http(s) addresses."""

    def find(self, batch: pa.RecordBatch, ids: Sequence[str]) -> RowImages:
        """The images of each row of a batch that has ``columns``; no image is opened."""

    def look_again(self) -> bool:
        """Whether all rows must be looked at once more, now that all have been."""


def image_names(ids: Sequence[str], sources: Sequence[str]) -> list[str]:
    """Names for the resized images of rows with several: the id, and a hash of the source.

    So an image keeps its name whatever is added before it.
    """
    hashes = hash_texts(sources).tolist()
    return [f"{nm}-{number:016x}" for nm, number in zip(ids, hashes, strict=True)]
