"""How many processors this process may use."""

import os


def cpu_count() -> int:
    """Processors that the process may run on; containers and taskset can allow fewer than all."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
