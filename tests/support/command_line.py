"""The scripts of ``flows/`` as a user runs them: in a process of their own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FLOWS = Path(__file__).parents[2] / "flows"


def command(
    script: str, *arguments: object, python: Sequence[str] = ()
) -> "subprocess.CompletedProcess[str]":
    """A script of ``flows/`` run to its end, by Python with these options of its own."""
    line = [sys.executable, *python, str(FLOWS / script), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=280, check=False)


def servers_of(parent: int) -> list[str]:
    """The temporary servers that a process has started and that still run."""
    found = subprocess.run(
        ["pgrep", "-f", f"server_process [0-9]+ {parent}$"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.split()
