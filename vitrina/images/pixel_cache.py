"""Decoded pictures on the local disk, so that each is decoded once: one memory-mapped uint8 array.

A folder per resolution and fit holds ``pixels`` (slots of 3 × R × R bytes), ``filled`` (a byte per
slot, set after its pixels are written) and ``keys`` (whose picture a slot is). Any number of
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
    """The slots of some pictures, by their position in the list that was opened."""

    slots: npt.NDArray[np.int64]
    pixels: MappedFile | None
    filled: MappedFile | None

    def part(self, first: int, end: int) -> "PixelCache":
        """The pictures from ``first`` up to ``end`` of the list, counted from 0 again."""
        return PixelCache(self.slots[first:end], self.pixels, self.filled)

    def get(self, index: int) -> Array | None:
        """The pixels uint8 (3, R, R) if they are there."""
        slot = self.slots[index]
        if slot < 0 or self.pixels is None or self.filled is None:
            return None
        return self.pixels.array[slot] if self.filled.array[slot] else None

    def put(self, index: int, picture: Array) -> None:
        """Keep the pixels uint8 (3, R, R), if there is room for them."""
        slot = self.slots[index]
        if slot >= 0 and self.pixels is not None and self.filled is not None:
            self.pixels.array[slot] = picture
            self.filled.array[slot] = 1


def open_cache(
    folder: Path, keys: Iterable[str], resolution: int, fit: str, limit_gb: float
) -> PixelCache | None:
    """The cache for pictures named by content; None where there is no room for it.

    At most ``limit_gb`` × 10⁹ bytes are taken; when they are full of other catalogues' pictures,
    those are dropped. Pictures beyond the limit get no slot and are decoded each time.
    """
    size = 3 * resolution**2
    most = int(limit_gb * 1e9) // size
    if not most:
        return None
    names = (hashlib.blake2b(key.encode(), digest_size=16).hexdigest().encode() for key in keys)
    wanted = np.fromiter(names, KEY)
    if not len(wanted):
        return None
    place = folder / f"{resolution}-{fit}"
    place.mkdir(parents=True, exist_ok=True)
    with _locked(place):
        try:
            slots, total = _slots(place, wanted, most, size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            logger.warning("%s: no room to keep decoded pictures, so none are kept", place)
            return None
        shape = (total, 3, resolution, resolution)
        pixels, filled = MappedFile(place / "pixels", shape), MappedFile(place / "filled", (total,))
    kept = np.count_nonzero(slots >= 0)
    logger.info("%s keeps the pixels of %d of %d pictures", place, kept, len(wanted))
    return PixelCache(slots, pixels, filled)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    with (place / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _slots(
    place: Path, wanted: npt.NDArray[np.bytes_], most: int, size: int
) -> tuple[npt.NDArray[np.int64], int]:
    """The slot of each wanted picture, -1 for none, and the number of slots; room is made."""
    path = place / "keys"
    known = np.fromfile(path, KEY) if path.exists() else np.array([], KEY)
    new = np.setdiff1d(wanted, known)
    if len(known) + len(new) > most and len(np.setdiff1d(known, wanted)):
        for name in FILES:  # whoever has them open keeps them until the end
            (place / name).unlink(missing_ok=True)
        known, new = np.array([], KEY), np.unique(wanted)
    new = new[: max(0, most - len(known))]
    total = len(known) + len(new)
    _reserve(place / "pixels", total * size)
    _reserve(place / "filled", total)
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
