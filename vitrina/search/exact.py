"""Exact search: the cosine with every stored vector, chunk by chunk.

Vectors may be mapped from a file larger than memory: a chunk is copied at a time. The product is
numpy's einsum, which is as fast as BLAS for one query and, unlike it, gives equal rows equal
scores wherever they stand; so ties are in the order of the rows, on every machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vitrina.embedding.reuse import Column
from vitrina.search.index import Mask, Neighbours, Query, Vectors

CHUNK_ROWS = 1_024  # 2 MB of vectors of 512: they stay in the cache


@dataclass(frozen=True)
class ExactIndex:
    """Stored unit vectors, float32 (rows, embed_dim), by kind."""

    vectors: Mapping[Column, Vectors]
    chunk_rows: int = CHUNK_ROWS

    def nearest(self, query: Query, k: int, among: Mask | None = None) -> Neighbours:
        """The ``k`` nearest rows, or as many as there are; of equal scores, the first rows."""
        best = Neighbours(np.zeros(0, np.int64), np.zeros(0, np.float32))
        count, dim = next(iter(self.vectors.values())).shape
        # One for the whole search: allocating for each chunk can take ten times as long.
        buffer = np.empty((min(count, self.chunk_rows), dim), np.float32)
        for start in range(0, count, self.chunk_rows):
            chunk = slice(start, start + self.chunk_rows)
            allowed = None if among is None else np.flatnonzero(among[chunk])
            if allowed is not None and not len(allowed):
                continue
            scores = self._scores(query, chunk, allowed, buffer)
            rows = start + (np.arange(len(scores)) if allowed is None else allowed)
            best = highest(
                np.concatenate([best.rows, rows]), np.concatenate([best.scores, scores]), k
            )
        return best

    def _scores(
        self, query: Query, chunk: slice, allowed: npt.NDArray[np.int64] | None, buffer: Vectors
    ) -> npt.NDArray[np.float32]:
        """Mean cosines of the chunk's rows, or of those allowed."""
        total: npt.NDArray[np.float32] | None = None
        for column, vector in query.items():
            part = self.vectors[column][chunk]
            rows = buffer[: len(part if allowed is None else allowed)]
            # A copy, aligned in memory as arithmetic needs it.
            np.copyto(rows, part if allowed is None else part[allowed])
            cosines = np.einsum("ij,j->i", rows, vector)
            total = cosines if total is None else total + cosines
        assert total is not None, "a query compares with at least one kind of vector"
        return total / np.float32(len(query))


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
