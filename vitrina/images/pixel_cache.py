"""Decoded images on the local disk, so that each is decoded once: one memory-mapped uint8 array.

A folder per resolution and fit holds ``pixels`` (slots of 3 × R × R bytes), ``filled`` (a byte per
slot, set after its pixels are written) and ``keys`` (whose image a slot is). Any number of
processes and trainings share it: slots are given out under a lock, and a slot that two fill at once
gets the same bytes twice.
"""

import errno
import fcntl
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

logger = logging.getLogger(__name__)

KEY = np.dtype("S32")
FILES = ("pixels", "filled", "keys")

Array = npt.NDArray[np.uint8]


class MappedFile:
    """A file of the disk as a uint8 array; sent to another process it is mapped there anew."""

    def __init__(self, path: Path, shape: tuple[int, ...]) -> None:
        with path.open("r+b") as file:
            self.path, self.inode = path, os.fstat(file.fileno()).st_ino
            self.array: Array = np.memmap(file, np.uint8, "r+", shape=shape)

    def __reduce__(self) -> "tuple[Callable[..., MappedFile | None], tuple[object, ...]]":
        return mapped_again, (self.path, self.array.shape, self.inode)


def mapped_again(path: Path, shape: tuple[int, ...], inode: int) -> MappedFile | None:
    """The file in another process; None if another training has put a new one in its place."""
    try:
        # While the sender has its file mapped, no other file gets its inode.
        return MappedFile(path, shape) if path.stat().st_ino == inode else None
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class PixelCache:
    """The slots of some images, by their position in the list that was opened."""

    slots: npt.NDArray[np.int64]
    pixels: MappedFile | None
    filled: MappedFile | None

    def part(self, first: int, end: int) -> "PixelCache":
        """The images from ``first`` up to ``end`` of the list, counted from 0 again."""
        return PixelCache(self.slots[first:end], self.pixels, self.filled)

    def get(self, index: int) -> Array | None:
        """The pixels uint8 (3, R, R) if they are there."""
        slot = self.slots[index]
        if slot < 0 or self.pixels is None or self.filled is None:
            return None
        return self.pixels.array[slot] if self.filled.array[slot] else None

    def put(self, index: int, image: Array) -> None:
        """Keep the pixels uint8 (3, R, R), if there is room for them."""
        slot = self.slots[index]
        if slot >= 0 and self.pixels is not None and self.filled is not None:
            self.pixels.array[slot] = image
            self.filled.array[slot] = 1


def open_cache(
    folder: Path, keys: Iterable[str], resolution: int, resize_mode: str, limit_gb: float
) -> PixelCache | None:
    """The cache for images named by content; None where there is no room for it.

    At most ``limit_gb`` × 10⁹ bytes are taken; when they are full of other catalogues' images,
    those are dropped. Images beyond the limit get no slot and are decoded each time.
    """
    size = 3 * resolution**2
    most = int(limit_gb * 1e9) // size
    if not most:
        return None
    names = (hashlib.blake2b(key.encode(), digest_size=16).hexdigest().encode() for key in keys)
    wanted = np.fromiter(names, KEY)
    if not len(wanted):
        return None
    folder = folder / f"{resolution}-{resize_mode}"
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        try:
            slots, total = _slots(folder, wanted, most, size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            logger.warning("%s: no room to keep decoded images, so none are kept", folder)
            return None
        shape = (total, 3, resolution, resolution)
        pixels, filled = (
            MappedFile(folder / "pixels", shape),
            MappedFile(folder / "filled", (total,)),
        )
    kept = np.count_nonzero(slots >= 0)
    logger.info("%s keeps the pixels of %d of %d images", folder, kept, len(wanted))
    return PixelCache(slots, pixels, filled)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _slots(
    folder: Path, wanted: npt.NDArray[np.bytes_], most: int, size: int
) -> tuple[npt.NDArray[np.int64], int]:
    """The slot of each wanted image, -1 for none, and the number of slots; room is made."""
    path = folder / "keys"
    known = np.fromfile(path, KEY) if path.exists() else np.array([], KEY)
    new = np.setdiff1d(wanted, known)
    if len(known) + len(new) > most and len(np.setdiff1d(known, wanted)):
        for name in FILES:  # whoever has them open keeps them until the end
            (folder / name).unlink(missing_ok=True)
        known, new = np.array([], KEY), np.unique(wanted)
    new = new[: max(0, most - len(known))]
    total = len(known) + len(new)
    _reserve(folder / "pixels", total * size)
    _reserve(folder / "filled", total)
    with path.open("ab") as file:
        new.tofile(file)
    order = np.argsort(both := np.concatenate([known, new]), kind="stable")
    at = np.searchsorted(both, wanted, sorter=order).clip(max=total - 1)
    slots = order[at]
    return np.where(both[slots] == wanted, slots, -1), total


def _reserve(path: Path, size: int) -> None:
    """Make a file this long on the disk now: a full disk under a memory map kills the process."""
    with path.open("ab") as file:
        if size > file.tell():
            os.posix_fallocate(file.fileno(), 0, size)
