"""What an index answers: the stored listings nearest to a query, exactly or approximately."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from vitrina.embedding.reuse import Column

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

Query = Mapping[Column, Vectors]
"""The unit vector (embed_dim,) that is compared with each kind of stored vector.

A listing's score is its cosine, or the mean of its two cosines.
"""


class Neighbours(NamedTuple):
    """The rows of the table, highest score first, and their scores."""

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


class Index(Protocol):
    """Finds the nearest listings."""

    def nearest(self, query: Query, k: int, among: Mask | None = None) -> Neighbours:
        """The ``k`` nearest rows, or as many as there are; only those ``among``, if it is given."""
        ...
