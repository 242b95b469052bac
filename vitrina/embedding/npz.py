"""NPZ files written piece by piece: as ``numpy.savez`` makes them, in flat memory."""

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

EPOCH = (1980, 1, 1, 0, 0, 0)  # equal arrays, equal file


@dataclass(frozen=True)
class Pieces:
    """An array that comes in pieces along its first axis."""

    dtype: npt.DTypeLike
    shape: tuple[int, ...]
    pieces: Iterable[npt.NDArray[Any]]


def write_npz(target: Path | IO[bytes], arrays: Mapping[str, Pieces]) -> None:
    """Write the arrays, uncompressed, so that ``numpy.load`` opens the file.

    Raises ValueError if the pieces of an array do not add up to its shape.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            _write_array(archive, name, array)


def _write_array(archive: zipfile.ZipFile, name: str, array: Pieces) -> None:
    dtype = np.dtype(array.dtype)
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": array.shape,
    }
    rows = 0
    # force_zip64: the size is not known to zipfile before, and may pass 4 GiB
    with archive.open(zipfile.ZipInfo(f"{name}.npy", EPOCH), "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for piece in array.pieces:
            if piece.shape[1:] != array.shape[1:]:
                raise ValueError(f"{name}: a piece of shape {piece.shape} in one of {array.shape}")
            rows += len(piece)
            file.write(np.ascontiguousarray(piece, dtype=dtype).data)
    if rows != array.shape[0]:
        raise ValueError(f"{name}: {rows} rows came, {array.shape[0]} were announced")
