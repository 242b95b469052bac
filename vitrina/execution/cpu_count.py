"""How many cores this process may use."""

import os


def cpu_count() -> int:
    """Cores that this process may run on; containers and taskset may allow fewer than there are."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
