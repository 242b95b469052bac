"""What search asks for and what it gets: a vector, and the stored listings nearest to it."""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Kind = Literal["text", "img", "product"]  # of stored vectors; product is the mean of the others


class Query(NamedTuple):
    """A unit vector (embed_dim,), and the kind of stored vectors that it is compared with."""

    kind: Kind
    vector: Vectors


class Neighbours(NamedTuple):
    """The rows of the table, highest cosine first, and their cosines."""

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
