"""The machine that a benchmark runs on, as far as it matters to a figure."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.results import Machine

PACKAGES = (
    "torch",
    "ruclip",
    "numpy",
    "Pillow",
    "simplejpeg",
    "opencv-python-headless",
    "pyvips",
    "pyvips-binary",
    "pyarrow",
    "pandas",
    "prefect",
)


def this_machine() -> Machine:
    """This one."""
    return Machine(
        cpu=_cpu(),
        cores=cores(),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        versions={"Python": platform.python_version(), **_versions()},
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else "",
    )


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:  # not Linux
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
