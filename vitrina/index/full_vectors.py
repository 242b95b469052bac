"""The whole vectors of a run, by which the candidates of a table of shortened ones are compared."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vitrina.catalog.processed_table import NM
from vitrina.embedding.shard_file import Vectors
from vitrina.index.differences import id_numbers
from vitrina.index.rows import product_vectors
from vitrina.index.vectors import RunVectors


class FullVectors:
    """Cosines of queries with rows of a run, which are found by their ids."""

    def __init__(self, vectors: RunVectors, image_weight: float) -> None:
        self.vectors, self.image_weight = vectors, image_weight

    def cosines(self, column: str, queries: Vectors, ids: Sequence[pa.Array]) -> list[Vectors]:
        """For each query (queries, embed_dim) its cosines with the rows of its ids, in their order.

        Each shard is read once for all queries.
        """
        rows = [self._rows(one) for one in ids]
        needed = np.unique(np.concatenate(rows))
        text, img = self.vectors.of_rows(needed)
        product = product_vectors(text, img, self.image_weight)
        stored = {"text": text, "img": img, "product": product}[column]
        return [
            stored[np.searchsorted(needed, own)] @ query
            for query, own in zip(queries, rows, strict=True)
        ]

    def _rows(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        numbers, order = self._numbers, self._order
        return order[np.searchsorted(numbers, id_numbers(ids), sorter=order)]

    @cached_property
    def _numbers(self) -> npt.NDArray[np.int64]:
        """The ids of all rows, as numbers."""
        keys = self.vectors.shard_keys()
        return np.concatenate([id_numbers(one[NM].combine_chunks()) for one in keys])

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self._numbers, kind="stable")
