"""The machine that a benchmark runs on: what its figures depend on."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from benchmarks.results import Machine
from vitrina.execution.cpu_count import cpu_count

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
    """The description of this machine."""
    return Machine(
        cpu=_cpu(),
        cores=cpu_count(),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        versions={"Python": platform.python_version(), **_versions()},
        gpu=torch.cuda.get_device_name() if torch.cuda.is_available() else "",
    )


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
