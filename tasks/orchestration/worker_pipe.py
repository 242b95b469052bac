"""Let a deployed run outlive the worker that started it.

The worker reads the run's standard output and error through a pipe. If the worker dies, the next
line that the run prints fails with BrokenPipeError, which rich, Prefect's console, turns into the
end of the process. What a run prints is a copy: its log is sent to the server.
"""

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TextIO

RUN_ID = "PREFECT__FLOW_RUN_ID"  # set by a worker in the process that it starts for a run


def outlive_worker(environment: Mapping[str, str] = os.environ) -> None:
    """In a deployed run, discard output that nobody can read any more; elsewhere do nothing."""
    if environment.get(RUN_ID):
        for stream in (sys.stdout, sys.stderr):
            discard_when_broken(stream)


def discard_when_broken(stream: TextIO) -> None:
    """From its first failed write on, send what is written to ``stream`` to nowhere.

    The stream itself is changed, not replaced: the handlers of logging have it already. Processes
    that are started later inherit the redirected file descriptor.
    """
    for method in ("write", "flush"):
        setattr(stream, method, partial(_write_or_discard, stream, getattr(stream, method)))


def _write_or_discard(stream: TextIO, call: Callable[..., Any], *args: Any) -> Any:
    try:
        return call(*args)
    except OSError:  # a broken pipe, a closed terminal, a full disk
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return call(*args)
