"""The vectors that duplicates are found by, and the cosines of given pairs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vitrina.duplicates.pairs import Cosines, Rows
from vitrina.embedding.vector_file import VectorFile

CHUNK = 8_192  # pairs in memory at a time: 64 MiB of vectors of 512


@dataclass(frozen=True)
class Vectors:
    """The vectors of all rows, and the weights of text and image in a cosine, which sum to 1."""

    file: VectorFile
    weights: tuple[float, float]

    def read(self, rows: Rows) -> Cosines:
        """Unit vectors float32 (rows, 2 × embed_dim), whose product is the weighted cosine."""
        return self.file.joined(rows, self.weights)

    def cosines(self, one: Rows, other: Rows) -> tuple[Cosines, Cosines]:
        """The cosines of the texts and of the images of pairs of rows, float32 (pairs,)."""
        parts = [np.zeros((2, 0), np.float32), *self._cosines(one, other)]
        text, image = np.concatenate(parts, axis=1)
        return text, image

    def weighted(self, text: Cosines, image: Cosines) -> Cosines:
        """The weighted mean of both cosines."""
        mean: Cosines = (self.weights[0] * text + self.weights[1] * image).astype(np.float32)
        return mean

    def _cosines(self, one: Rows, other: Rows) -> Iterator[Cosines]:
        for start in range(0, len(one), CHUNK):
            part = slice(start, start + CHUNK)
            yield np.stack(
                [
                    np.einsum(
                        "ij,ij->i",
                        self.file.read(column, one[part].astype(np.int64)),
                        self.file.read(column, other[part].astype(np.int64)),
                    )
                    for column in ("text", "img")
                ]
            )
