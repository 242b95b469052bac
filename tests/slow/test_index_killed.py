"""An index whose maker is killed, or has company: readers see the last state, the next run ends."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from vitrina.index.lance import open_table
from vitrina.store.paths import to_path

pytestmark = pytest.mark.slow

COUNT = 6_000
TABLE = "a" * 20 + ".lance"


def started(output: Path, count: int, seed: int) -> "subprocess.Popen[str]":
    """A process that indexes; it has written the run's files and begins."""
    command = [sys.executable, "-m", "tests.support.index_run", str(output), str(count), str(seed)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def finished(process: "subprocess.Popen[str]") -> int:
    """The version that a process has written."""
    assert process.stdout is not None
    version = int(process.stdout.read())
    assert process.wait(120) == 0
    return version


def rows(output: Path, version: int) -> dict[int, int]:
    """The keys of a version's rows by id: hashes of all that is in them."""
    table = open_table(to_path(output / "index" / TABLE), version)
    assert table is not None
    found = table.search().select(["nm", "row_key"]).to_arrow().to_pydict()
    assert len(set(found["nm"])) == len(found["nm"])
    return dict(zip(found["nm"], found["row_key"], strict=True))


def test_killed_at_any_moment_the_old_state_answers_and_the_next_run_completes(
    tmp_path: Path,
) -> None:
    """Kill -9 at moments all over an update in which every row changes."""
    before = finished(started(tmp_path, COUNT, 1))
    old = rows(tmp_path, before)
    process, begin = started(tmp_path / "other", COUNT, 2), time.monotonic()
    expected = rows(tmp_path / "other", finished(process))
    seconds = time.monotonic() - begin
    for moment in (0.2, 0.4, 0.6, 0.8, 0.9):
        process = started(tmp_path, COUNT, 2)
        time.sleep(moment * seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert rows(tmp_path, before) == old, "whoever reads the named version sees it whole"
    after = finished(started(tmp_path, COUNT, 2))
    assert rows(tmp_path, after) == expected
    assert rows(tmp_path, before) == old


def test_two_runs_at_once_each_name_a_version_of_their_own(tmp_path: Path) -> None:
    """Of the same table, with other rows; both end well, and neither version is a mix."""
    finished(started(tmp_path, COUNT, 1))
    alone = {}
    for seed in (2, 3):
        version = finished(started(tmp_path / "other", COUNT, seed))
        alone[seed] = rows(tmp_path / "other", version)
    processes = {seed: started(tmp_path, COUNT, seed) for seed in (2, 3)}
    for seed, process in processes.items():
        assert rows(tmp_path, finished(process)) == alone[seed]


def test_readers_of_a_version_see_nothing_else(tmp_path: Path) -> None:
    """While others write, all the time."""
    version = finished(started(tmp_path, COUNT, 1))
    expected, end, wrong = rows(tmp_path, version), threading.Event(), []

    def read() -> None:
        while not end.is_set():
            if rows(tmp_path, version) != expected:
                wrong.append(1)

    reader = threading.Thread(target=read)
    reader.start()
    for seed, count in ((1, COUNT - 300), (2, COUNT), (1, COUNT)):
        finished(started(tmp_path, count, seed))
    end.set()
    reader.join()
    assert not wrong
