"""Vectors as an index stores them: whole, or cut to their first numbers, or in half precision."""

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vitrina.config.index import IndexConfig
from vitrina.embedding.shard_file import Vectors
from vitrina.errors import UserError

Storage = Literal["float32", "float16"]


class VectorForm(NamedTuple):
    """The numbers of a stored vector, and their type."""

    dim: int
    storage: Storage = "float32"

    @property
    def arrow_type(self) -> pa.DataType:
        """A list of fixed size."""
        return pa.list_(pa.float16() if self.storage == "float16" else pa.float32(), self.dim)

    def is_whole(self, size: int) -> bool:
        """Whether it loses nothing of vectors of this size."""
        return self == VectorForm(size)

    def of(self, vectors: Vectors) -> npt.NDArray[np.floating]:
        """Unit vectors (rows, size) in this form, (rows, dim), of unit length again."""
        return cut(vectors, self.dim).astype(self.storage)


def vector_form(config: IndexConfig, size: int) -> VectorForm:
    """The form of vectors of this size. Raises UserError if they are shorter than ``dim``."""
    if config.dim > size:
        raise UserError(
            f"index.dim is {config.dim}, but the model's vectors have {size} numbers. Set it to "
            f"{size} at most, or to 0 for all."
        )
    return VectorForm(config.dim or size, config.storage)


def cut(vectors: Vectors, length: int) -> Vectors:
    """The first numbers of unit vectors (..., size), of unit length again: (..., length)."""
    if length == vectors.shape[-1]:
        return vectors
    first = vectors[..., :length]
    norm = np.linalg.norm(first, axis=-1, keepdims=True)
    unit: Vectors = first / np.maximum(norm, np.float32(1e-12))
    return unit
