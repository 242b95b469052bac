"""Between training steps memory stays in the process, and after the training it is given back."""

import ctypes
import resource
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

# In a process of its own, where no other blocks lie between. A kept block takes a smaller one: its
# alignment may need some bytes more than it is long.
PROGRAM = """
import resource
import torch
from vitrina.training.kept_memory import kept_memory

def faults(megabytes=128):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(megabytes << 20, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1])

faults()
before, outside = resident(), faults()
with kept_memory():
    faults(160)
    kept, inside = resident() - before, faults()
print(outside, inside, kept, resident() - before, faults())
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library than glibc"
)
def test_a_block_is_faulted_in_once_and_given_back_at_the_end() -> None:
    """Outside, and again after it, each block is; a fault may bring more than one page."""
    command = [sys.executable, "-c", PROGRAM]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    outside, inside, kept, left, afterwards = map(int, ran.stdout.split())
    pages = (128 << 20) // resource.getpagesize()
    assert inside < 20 < min(outside, afterwards)
    assert left < pages // 2 < kept
