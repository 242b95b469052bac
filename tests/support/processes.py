"""Processes that a test starts: on free ports, waited for, and ended with all they started."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
Value = TypeVar("Value")
PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def eventually(
    look: Callable[[], Value | None], seconds: float, what: str, pause: float = 0.5
) -> Value:
    """The first true value that ``look`` returns; fails with ``what`` after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(pause)


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    command: list[str], variables: dict[str, str], log: Path, user: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, of another user if named, whose whole group is ended at the end, gently first."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            user=user,
            preexec_fn=_end_with_the_tests if sys.platform == "linux" else None,
        )
    try:
        yield process
    finally:
        end_group(process)


def _end_with_the_tests() -> None:
    """Have the kernel end this process when pytest is killed and cannot do it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end_group(process: subprocess.Popen[bytes], patience: float = 20) -> None:
    """End a process and all that it has started."""
    for wish in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, wish)
        except ProcessLookupError:
            return
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
