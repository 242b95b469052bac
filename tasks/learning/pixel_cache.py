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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

logger = logging.getLogger(__name__)

KEY = np.dtype("S32")
FILES = ("pixels", "filled", "keys")

Array = npt.NDArray[np.uint8]


class PixelCache:
    """The slots of some pictures, by their position in the list that was opened."""

    def __init__(self, slots: npt.NDArray[np.int64], pixels: Array, filled: Array) -> None:
        self._slots, self._pixels, self._filled = slots, pixels, filled

    def part(self, first: int, end: int) -> "PixelCache":
        """The pictures from ``first`` up to ``end`` of the list, counted from 0 again."""
        return PixelCache(self._slots[first:end], self._pixels, self._filled)

    def get(self, index: int) -> Array | None:
        """The pixels uint8 (3, R, R) if they are there."""
        slot = self._slots[index]
        return self._pixels[slot] if slot >= 0 and self._filled[slot] else None

    def put(self, index: int, picture: Array) -> None:
        """Keep the pixels uint8 (3, R, R), if there is room for them."""
        slot = self._slots[index]
        if slot >= 0:
            self._pixels[slot] = picture
            self._filled[slot] = 1


def open_cache(
    folder: Path, keys: Sequence[str], resolution: int, fit: str, limit_gb: float
) -> PixelCache | None:
    """The cache for pictures named by content; None where there is no room for it.

    At most ``limit_gb`` × 10⁹ bytes are taken; when they are full of other catalogues' pictures,
    those are dropped. Pictures beyond the limit get no slot and are decoded each time.
    """
    size = 3 * resolution**2
    most = int(limit_gb * 1e9) // size
    if not most or not len(keys):
        return None
    place = folder / f"{resolution}-{fit}"
    place.mkdir(parents=True, exist_ok=True)
    wanted = np.array([hashlib.blake2b(key.encode(), digest_size=16).hexdigest() for key in keys])
    with _locked(place):
        try:
            slots, total = _slots(place, wanted.astype(KEY), most, size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            logger.warning("%s: no room to keep decoded pictures, so none are kept", place)
            return None
    kept = np.count_nonzero(slots >= 0)
    logger.info("%s keeps the pixels of %d of %d pictures", place, kept, len(keys))
    shape = (total, 3, resolution, resolution)
    pixels = np.memmap(place / "pixels", np.uint8, "r+", shape=shape)
    filled = np.memmap(place / "filled", np.uint8, "r+", shape=(total,))
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
