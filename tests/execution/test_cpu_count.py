"""Cores that may be used, not those that the machine has."""

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux restricts processes")
def test_a_restricted_process_counts_its_own_cores() -> None:
    """A process that is restricted to one core, as by taskset, counts one."""
    program = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from vitrina.execution.cpu_count import cpu_count; print(cpu_count())"
    )
    counted = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert counted.stdout == b"1\n"
