"""A cache of decoded images on the local disk: one memory-mapped uint8 array per kind of decoding.

``<root>/<resolution>-<resize mode>-<version of the decoding code>/`` holds ``pixels`` (slots of
3 × R × R bytes), ``filled`` (a byte per slot, set after its pixels are written) and ``keys`` (the
key of each slot's image). Any number of processes and trainings share it: slots are assigned under
a lock, and two processes that fill the same slot write the same bytes.
"""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vitrina.store.code_version import code_version

logger = logging.getLogger(__name__)

DECODER = "vitrina.images.load:load_pixels"  # whose result is cached
KEY = np.dtype("S32")
# In the order of removal: without ``filled`` no slot is read, whatever else is left.
FILES = ("filled", "pixels", "keys")

Array = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.bytes_]
Slots = npt.NDArray[np.int64]


class MappedFile:
    """A file mapped into memory as a uint8 array; unpickled in another process, mapped there.

    Raises FileNotFoundError if the path no longer leads to the file with ``inode``.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], inode: int | None = None) -> None:
        with path.open("r+b") as file:
            self.path, self.inode = path, os.fstat(file.fileno()).st_ino
            if inode not in (None, self.inode):
                raise FileNotFoundError(path)
            # Marks the file as in use for as long as it is mapped: mmap duplicates the descriptor.
            fcntl.flock(file, fcntl.LOCK_SH)
            self.array: Array = np.memmap(file, np.uint8, "r+", shape=shape)

    def __reduce__(self) -> "tuple[Callable[..., MappedFile | None], tuple[object, ...]]":
        return reopen, (self.path, self.array.shape, self.inode)


def reopen(path: Path, shape: tuple[int, ...], inode: int) -> MappedFile | None:
    """The same file in another process; None if it was removed or replaced meanwhile."""
    try:
        # While the sender has its file mapped, no other file gets its inode.
        return MappedFile(path, shape, inode)
    except FileNotFoundError:
        return None


@dataclass(frozen=True)
class PixelCache:
    """The cached pixels of some images, by their position in the list that was opened."""

    slots: Slots
    pixels: MappedFile | None
    filled: MappedFile | None

    def part(self, first: int, end: int) -> "PixelCache":
        """The images from ``first`` up to ``end`` of the list, counted from 0 again."""
        return PixelCache(self.slots[first:end], self.pixels, self.filled)

    def get(self, index: int) -> Array | None:
        """The pixels of an image, uint8 (3, R, R), if they are cached."""
        slot = self.slots[index]
        if slot < 0 or self.pixels is None or self.filled is None:
            return None
        return self.pixels.array[slot] if self.filled.array[slot] else None

    def put(self, index: int, image: Array) -> None:
        """Cache the pixels of an image, uint8 (3, R, R), if it has a slot."""
        slot = self.slots[index]
        if slot >= 0 and self.pixels is not None and self.filled is not None:
            self.pixels.array[slot] = image
            self.filled.array[slot] = 1


def open_cache(
    root: Path, keys: Iterable[str], resolution: int, resize_mode: str, limit_gb: float
) -> PixelCache | None:
    """The cache for images with these keys; None if it has no room or its folder cannot be used.

    A key must change when the content of its image does. All caches below ``root`` together take
    at most ``limit_gb`` × 10⁹ bytes: when they are full of other images, those are dropped, and
    images beyond the limit get no slot. Caches of older decoding code are removed. A cache that a
    process has open stays, unless it is the one for the same decoding.
    """
    limit, size = int(limit_gb * 1e9), 3 * resolution**2
    digests = (hashlib.blake2b(key.encode(), digest_size=16).hexdigest().encode() for key in keys)
    wanted = np.fromiter(digests, KEY) if limit >= size else np.array([], KEY)
    if not len(wanted):
        return None
    folder = root / f"{resolution}-{resize_mode}-{code_version(DECODER)}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _locked(root):
            folder.mkdir(exist_ok=True)
            slots, total = _assign_slots(folder, wanted, limit, size)
            cache = PixelCache(
                slots,
                MappedFile(folder / "pixels", (total, 3, resolution, resolution)),
                MappedFile(folder / "filled", (total,)),
            )
    except OSError as error:  # read-only, full, or without locks: training works without a cache
        logger.warning("%s: decoded images are not cached: %s", folder, error)
        return None
    count = np.count_nonzero(slots >= 0)
    logger.info("%s caches the pixels of %d of %d images", folder, count, len(wanted))
    return cache


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    with (root / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _assign_slots(folder: Path, wanted: Keys, limit: int, size: int) -> tuple[Slots, int]:
    """The slot of each wanted image, -1 for none, and the number of slots.

    Raises OSError if the disk has no room for them.
    """
    known = _read_keys(folder)
    new = np.setdiff1d(wanted, known)
    most = (limit - _make_room(folder, limit - (len(known) + len(new)) * size)) // size
    has_others = len(np.setdiff1d(known, wanted)) > 0
    if len(known) > most or (has_others and len(known) + len(new) > most):
        _remove_files(folder)  # a process that has them open keeps them until it ends
        known, new = np.array([], KEY), np.unique(wanted)
    new = new[: max(0, most - len(known))]
    total = len(known) + len(new)
    if not total:
        raise OSError(f"caches in use by other processes fill the limit of {limit / 1e9:g} GB")
    _reserve(folder / "pixels", total * size)
    _reserve(folder / "filled", total)
    with (folder / "keys").open("ab") as file:
        new.tofile(file)
    os.utime(folder, ns=(time.time_ns(),) * 2)  # of last use; the file system's clock is coarser
    order = np.argsort(both := np.concatenate([known, new]), kind="stable")
    at = np.searchsorted(both, wanted, sorter=order).clip(max=total - 1)
    slots = order[at]
    return np.where(both[slots] == wanted, slots, -1), total


def _read_keys(folder: Path) -> Keys:
    path = folder / "keys"
    return np.fromfile(path, KEY) if path.exists() else np.array([], KEY)


def _make_room(folder: Path, available: int) -> int:
    """Remove unused other caches until they take no more than ``available`` bytes; what is left.

    Those of an older version of the decoding code go in any case, then the least recently used.
    """
    version = folder.name.rpartition("-")[2]
    others = [path for path in folder.parent.iterdir() if path.is_dir() and path != folder]
    others.sort(key=lambda path: (path.name.endswith(f"-{version}"), path.stat().st_mtime))
    taken = {path: _size(path) for path in others}
    for path in others:
        is_old = not path.name.endswith(f"-{version}")
        if (is_old or sum(taken.values()) > available) and _remove_unused(path):
            taken[path] = 0
    return sum(taken.values())


def _size(folder: Path) -> int:
    pixels = folder / "pixels"
    return pixels.stat().st_size if pixels.exists() else 0


def _remove_unused(folder: Path) -> bool:
    """Remove a cache; False if a process has it open or it is another user's."""
    try:
        with suppress(FileNotFoundError), (folder / "pixels").open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove_files(folder)
    except (BlockingIOError, PermissionError):
        return False
    (folder / "lock").unlink(missing_ok=True)  # of versions that had one per folder
    with suppress(OSError):  # not empty: the rest is not ours
        folder.rmdir()
    return True


def _remove_files(folder: Path) -> None:
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def _reserve(path: Path, size: int) -> None:
    """Allocate the file's disk space now: a full disk under a memory map kills the process."""
    with path.open("ab") as file:
        if size > file.tell():
            os.posix_fallocate(file.fileno(), 0, size)
