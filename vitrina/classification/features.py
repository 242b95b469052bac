"""What a classifier sees of listings: their vectors, read as they are needed."""

from dataclasses import dataclass

import numpy as np

from vitrina.config.classification import FeatureKind
from vitrina.embedding.reuse import Column
from vitrina.embedding.shard_file import Vectors
from vitrina.embedding.vector_file import RowNumbers, VectorFile

COLUMNS: dict[FeatureKind, tuple[Column, ...]] = {
    "text": ("text",),
    "image": ("img",),
    "both": ("text", "img"),
}


@dataclass(frozen=True)
class ListingFeatures:
    """The vectors of texts, of images, or both side by side."""

    file: VectorFile
    kind: FeatureKind

    def read(self, rows: RowNumbers) -> Vectors:
        """The features of these rows, float32 (rows, embed_dim or twice that)."""
        return np.concatenate([self.file.read(one, rows) for one in COLUMNS[self.kind]], axis=1)
