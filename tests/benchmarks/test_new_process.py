"""The memory of work in a process of its own."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.new_process import MIB, in_new_process, with_own_memory

HELD = 400


def _sum_of_mapped(path: Path) -> float:
    return float(np.memmap(path, np.uint8, "r").sum())


def _sum_of_held(path: Path) -> float:
    return float(np.fromfile(path, np.uint8).sum())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells mapped pages apart")
def test_pages_of_mapped_files_do_not_count(tmp_path: Path) -> None:
    """What is read into memory does."""
    path = tmp_path / "file"
    path.write_bytes(b"\x01" * HELD * MIB)
    mapped = in_new_process(with_own_memory, partial(_sum_of_mapped, path))
    held = in_new_process(with_own_memory, partial(_sum_of_held, path))
    assert mapped[0] == held[0] == HELD * MIB
    assert held[1] - mapped[1] > 0.8 * HELD * MIB
