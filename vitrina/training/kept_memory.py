"""Memory that one training step frees stays in the process for the next one."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # of glibc's malloc.h
NEVER = -1
USUAL = {M_MMAP_MAX: 65_536, M_MMAP_THRESHOLD: 32 << 20, M_TRIM_THRESHOLD: 64 << 20}
"""glibc's default, and the thresholds that it adapts to in a process with large blocks."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory in the process within the block, and give it back at its end.

    glibc returns each block of more than 32 MB to the system when it is freed, and a step has many
    of them: faulting their pages in again took a seventh of a float32 step of 32 pairs with
    ruclip-vit-base-patch32-384. The peak stays the same. Without glibc this does nothing.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        yield
        return
    libc.mallopt(M_MMAP_MAX, 0)
    libc.mallopt(M_TRIM_THRESHOLD, NEVER)
    try:
        yield
    finally:
        for parameter, value in USUAL.items():
            libc.mallopt(parameter, value)
        libc.malloc_trim(0)
