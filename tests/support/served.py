"""A server of search in a process of its own, as a user starts it."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from tests.support.processes import eventually, running

ADDRESS = re.compile(r"serve: (http://\S+)")


@dataclass(frozen=True)
class ServedProcess:
    """The process, where it listens, and its log."""

    process: "Popen[bytes]"
    url: str
    log: Path


@contextmanager
def serving(output: str, log: Path, *options: str, **variables: str) -> Iterator[ServedProcess]:
    """``flows/serve.py`` on a free port, ready to answer."""
    command = [sys.executable, "flows/serve.py", "--output", output, "--port", "0", *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
    with running(command, environment, log) as process:
        yield ServedProcess(process, eventually(lambda: _url(process, log), 120, "serving"), log)


def _url(process: "Popen[bytes]", log: Path) -> str | None:
    text = log.read_text()
    assert process.poll() is None, text
    found = ADDRESS.search(text)
    return found[1] if found else None
