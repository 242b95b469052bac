"""Exact search: the cosine with every stored vector, chunk by chunk.

Vectors may be mapped from a file larger than memory: a chunk is copied at a time. The product is
numpy's einsum, which is as fast as BLAS for one query and, unlike it, gives equal rows equal
scores wherever they stand; so ties are in the order of the rows, on every machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vitrina.embedding.reuse import Column
from vitrina.index.rows import product_vectors
from vitrina.search.index import Kind, Mask, Neighbours, Query, Vectors

CHUNK_ROWS = 1_024  # 2 MB of vectors of 512: they stay in the cache
EVEN = 0.5
SHORTEST = 1e-12  # of the mean of opposite vectors, which has no direction


@dataclass(frozen=True)
class ExactIndex:
    """Stored unit vectors, float32 (rows, embed_dim), by column.

    ``image_weight`` is the image's share in the product vectors.
    """

    vectors: Mapping[Column, Vectors]
    image_weight: float = EVEN
    chunk_rows: int = CHUNK_ROWS

    def nearest(self, query: Query, k: int, among: Mask | None = None) -> Neighbours:
        """The ``k`` nearest rows, or as many as there are; of equal scores, the first rows."""
        best = Neighbours(np.zeros(0, np.int64), np.zeros(0, np.float32))
        buffer = self._buffer()
        for chunk in self._chunks():
            allowed = None if among is None else np.flatnonzero(among[chunk])
            if allowed is not None and not len(allowed):
                continue
            scores = self._scores(query, chunk, allowed, buffer)
            rows = chunk.start + (np.arange(len(scores)) if allowed is None else allowed)
            best = highest(
                np.concatenate([best.rows, rows]), np.concatenate([best.scores, scores]), k
            )
        return best

    def nearest_of(self, query: Query, k: int, rows: npt.NDArray[np.int64]) -> Neighbours:
        """The ``k`` nearest of a few rows, ascending."""
        text, img = (self.vectors[column][rows] for column in ("text", "img"))
        if query.kind == "product":
            stored = product_vectors(text, img, self.image_weight)
        else:
            stored = text if query.kind == "text" else img
        return highest(rows, np.einsum("ij,j->i", stored, query.vector), k)

    def vector(self, kind: Kind, row: int) -> Vectors:
        """A stored vector, or the product vector of a row, of unit length."""
        shares = self._shares(kind).items()
        total = sum(share * np.array(self.vectors[column][row]) for column, share in shares)
        vector: Vectors = total / np.maximum(np.linalg.norm(total), np.float32(SHORTEST))
        return vector if kind == "product" else np.array(self.vectors[kind][row])

    def _scores(
        self,
        query: Query,
        chunk: slice,
        allowed: npt.NDArray[np.int64] | None,
        buffer: Vectors,
    ) -> npt.NDArray[np.float32]:
        """Cosines of the chunk's rows, or of those allowed."""
        rows = slice(None) if allowed is None else allowed
        total: npt.NDArray[np.float32] | None = None
        for column, share in self._shares(query.kind).items():
            cosines = share * np.einsum(
                "ij,j->i", _copied(self.vectors[column][chunk][rows], buffer), query.vector
            )
            total = cosines if total is None else total + cosines
        assert total is not None, "every kind is made of at least one column"
        return total / self._lengths[chunk][rows] if query.kind == "product" else total

    def _shares(self, kind: Kind) -> dict[Column, np.float32]:
        if kind != "product":
            return {kind: np.float32(1)}
        return {"text": np.float32(1 - self.image_weight), "img": np.float32(self.image_weight)}

    @cached_property
    def _lengths(self) -> npt.NDArray[np.float32]:
        """The length of each row's weighted mean, float32 (rows,), computed once."""
        text_share, img_share = self._shares("product").values()
        buffers = self._buffer(), self._buffer()
        parts = [np.zeros(0, np.float32)]
        for chunk in self._chunks():
            columns = zip(self.vectors.values(), buffers, strict=True)
            one, other = (_copied(stored[chunk], buffer) for stored, buffer in columns)
            cosines = np.einsum("ij,ij->i", one, other)
            square = text_share**2 + img_share**2 + 2 * text_share * img_share * cosines
            parts.append(np.sqrt(np.maximum(square, SHORTEST**2)))
        return np.concatenate(parts).astype(np.float32)

    def _chunks(self) -> Iterator[slice]:
        count = len(next(iter(self.vectors.values())))
        return (slice(start, start + self.chunk_rows) for start in range(0, count, self.chunk_rows))

    def _buffer(self) -> Vectors:
        """One for a whole search: allocating for each chunk can take ten times as long."""
        count, dim = next(iter(self.vectors.values())).shape
        return np.empty((min(count, self.chunk_rows), dim), np.float32)


def _copied(rows: Vectors, buffer: Vectors) -> Vectors:
    """The rows copied into a buffer: aligned in memory, as arithmetic needs them."""
    copied = buffer[: len(rows)]
    np.copyto(copied, rows)
    return copied


def highest(rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float32], k: int) -> Neighbours:
    """The ``k`` highest scores, highest first, equal ones in the order of ``rows``.

    ``rows`` must be ascending among equal scores, as they are when chunks come in order.
    """
    if len(scores) > k:
        lowest = np.partition(scores, -k)[-k]
        above = np.flatnonzero(scores > lowest)
        tied = np.flatnonzero(scores == lowest)[: k - len(above)]
        keep = np.concatenate([above, tied])
        rows, scores = rows[keep], scores[keep]
    order = np.lexsort((rows, -scores))
    return Neighbours(rows[order], scores[order])
