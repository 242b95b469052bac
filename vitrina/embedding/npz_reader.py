"""Read NPZ files without loading them: their checksums, and their arrays mapped into memory."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

LOCAL_HEADER = 30  # bytes, followed by the member's name and its extra field


def checksums(path: Path) -> dict[str, int]:
    """The CRC-32 of each array, from the file's directory: the arrays are not read.

    Raises zipfile.BadZipFile if the file is no NPZ.
    """
    with zipfile.ZipFile(path) as archive:
        return {info.filename.removesuffix(".npy"): info.CRC for info in archive.infolist()}


@dataclass(frozen=True)
class StoredArray:
    """An array of an uncompressed NPZ: where its values begin in the file, and what they are."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool


def stored_array(path: Path, name: str) -> StoredArray:
    """Find an array of an NPZ without reading its values.

    Raises KeyError if there is no such array and ValueError if it is compressed.
    """
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} in {path} is compressed, so parts of it cannot be read")
    with path.open("rb") as file:
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER)
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        file.seek(info.header_offset + LOCAL_HEADER + lengths)
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran_order, dtype = read_header(file)
        return StoredArray(file.tell(), shape, dtype, fortran_order)


def memory_map(path: Path, name: str) -> npt.NDArray[Any]:
    """An array of an uncompressed NPZ, read-only and read from the disk as it is used.

    It is not aligned in memory: copy a part before doing arithmetic with it. Raises what
    ``stored_array`` does.
    """
    found = stored_array(path, name)
    if 0 in found.shape:  # an empty file part cannot be mapped
        return np.zeros(found.shape, found.dtype)
    order: Literal["F", "C"] = "F" if found.fortran_order else "C"
    return np.memmap(path, found.dtype, "r", found.offset, found.shape, order)
