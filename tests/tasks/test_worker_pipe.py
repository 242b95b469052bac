"""A deployed run's output when nobody reads it any more."""

import os
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest
from rich.console import Console

from tasks.orchestration.worker_pipe import RUN_ID, discard_when_broken, outlive_worker


@pytest.fixture
def broken_pipe() -> Iterator[TextIO]:
    """A stream into a pipe whose reader is gone, as that of a dead worker is."""
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w", buffering=1)
    os.close(reader)
    yield stream
    discard_when_broken(stream)  # or what is still buffered fails at the end
    stream.close()


def test_what_nobody_reads_is_discarded(broken_pipe: TextIO) -> None:
    """print and rich, which would end the process, go on writing; so does whoever inherits it."""
    discard_when_broken(broken_pipe)
    console = Console(file=broken_pipe)
    for _ in range(3):
        print("a line", file=broken_pipe)
        console.print("a line")
    os.write(broken_pipe.fileno(), b"a subprocess's line")


def test_without_it_rich_ends_the_process(broken_pipe: TextIO) -> None:
    """Why this is needed; goes when rich stops doing it."""
    stdout = os.dup(1)  # rich points it to nowhere
    try:
        with pytest.raises(SystemExit):
            Console(file=broken_pipe).print("a line")
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


def test_only_a_deployed_run_is_changed(
    broken_pipe: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command on a terminal ends with its reader, as commands do."""
    monkeypatch.setattr(sys, "stdout", broken_pipe)
    monkeypatch.setattr(sys, "stderr", broken_pipe)
    outlive_worker({})
    with pytest.raises(BrokenPipeError):
        print("a line", file=broken_pipe)
    outlive_worker({RUN_ID: "a run"})
    print("a line", file=broken_pipe)
