"""The image vector of a listing with several images: the mean of their unit vectors."""

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


def mean_vectors(vectors: Vectors, starts: npt.NDArray[np.int64]) -> Vectors:
    """The mean of each run of unit vectors, of unit length, float32 (rows, embed_dim).

    ``vectors`` are float32 (images, embed_dim). Row i has those from ``starts[i]`` to
    ``starts[i + 1]``, at least one: the vector of a single image is itself, to the bit, and of
    vectors that cancel each other out the first counts.
    """
    means = vectors[starts[:-1]].copy()
    several = np.flatnonzero(np.diff(starts) > 1)
    for row in several:
        total = vectors[starts[row] : starts[row + 1]].sum(axis=0, dtype=np.float64)
        length = np.linalg.norm(total)
        if length > 1e-6:
            means[row] = total / length
    return means
