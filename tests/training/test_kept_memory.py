"""Between training steps memory stays in the process, and after the training it is given back."""

import ctypes
import resource
from pathlib import Path

import pytest
import torch

from vitrina.training.kept_memory import kept_memory

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library than glibc"
)
SIZE = 128 << 20  # bytes


def faults_of_a_block() -> int:
    """Page faults of a large tensor that is written and freed."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(SIZE, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def test_a_block_is_faulted_in_once() -> None:
    """Without it every block is; a fault may bring more than one page."""
    assert faults_of_a_block() > 20
    assert faults_of_a_block() > 20
    with kept_memory():
        faults_of_a_block()
        assert faults_of_a_block() < 20


def test_freed_memory_is_given_back_at_the_end() -> None:
    """The stages after a training have all of it."""
    before = resident()
    with kept_memory():
        faults_of_a_block()
        assert resident() > before + SIZE // 2
    assert resident() < before + SIZE // 2
    assert faults_of_a_block() > 20
