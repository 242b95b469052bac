"""Write NPZ files as ``numpy.savez`` does, chunk by chunk, so that memory stays flat."""

import math
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

EPOCH = (1980, 1, 1, 0, 0, 0)  # the time of every member, so that equal arrays give equal files


@dataclass(frozen=True)
class ChunkedArray:
    """An array in chunks along its first axis."""

    dtype: npt.DTypeLike
    shape: tuple[int, ...]
    chunks: Iterable[npt.NDArray[Any]]

    @property
    def nbytes(self) -> int:
        """Its size in bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


def write_npz(target: Path | IO[bytes], arrays: Mapping[str, ChunkedArray]) -> None:
    """Write the arrays, uncompressed, so that ``numpy.load`` opens the file.

    Raises ValueError if the chunks of an array do not add up to its shape.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            _write_array(archive, name, array)


def _write_array(archive: zipfile.ZipFile, name: str, array: ChunkedArray) -> None:
    dtype = np.dtype(array.dtype)
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": array.shape,
    }
    rows = 0
    # force_zip64: zipfile does not know the size beforehand, and it may exceed 4 GiB
    with archive.open(zipfile.ZipInfo(f"{name}.npy", EPOCH), "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in array.chunks:
            if chunk.shape[1:] != array.shape[1:]:
                raise ValueError(
                    f"{name}: a chunk has shape {chunk.shape}, the array {array.shape}"
                )
            rows += len(chunk)
            file.write(np.ascontiguousarray(chunk, dtype=dtype).data)
    if rows != array.shape[0]:
        raise ValueError(f"{name}: the chunks have {rows} rows, the array {array.shape[0]}")
