"""Random vectors of texts and images."""

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors in float32 and unit length."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def random_pairs(rows: int, dim: int, seed: int, noise: float = 1.0) -> tuple[np.ndarray, ...]:
    """Unit vectors of images and of their texts, which differ by noise."""
    rng = np.random.default_rng(seed)
    base = rng.standard_normal((rows, dim))
    return unit(base + noise * rng.standard_normal((rows, dim))), unit(base)
