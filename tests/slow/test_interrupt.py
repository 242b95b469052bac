"""Stopping a command in a terminal: Ctrl-C, SIGTERM and kill -9, and what is left running."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from tests.support.command_line import FLOWS, command, servers_of
from tests.support.processes import eventually
from vitrina.demo.catalog import draw_catalog

pytestmark = pytest.mark.slow

END_SECONDS = 5
EPOCHS = 400  # more than any test waits for


@contextmanager
def terminal(*arguments: object) -> Iterator[pexpect.spawn]:
    """A script of flows/ in a terminal of its own; killed at the end if it still runs."""
    script, *rest = map(str, arguments)
    child = pexpect.spawn(
        sys.executable,
        [str(FLOWS / script), *rest],
        encoding="utf-8",
        timeout=120,
        dimensions=(40, 200),
    )
    try:
        yield child
    finally:
        child.close(force=True)


def training(output: Path) -> tuple[object, ...]:
    """A pipeline whose training lasts longer than the test."""
    options = ("--demo", "--demo_products", 60, "--train.num_epochs", EPOCHS)
    return "pipeline.py", *options, "--output", output


def wait_for_training(output: Path) -> None:
    """Until the first epoch's checkpoint is there."""
    eventually(
        lambda: list(output.glob("train/*/ruCLIP_model_epoch1.pth")), 120, "a checkpoint", 0.1
    )
    time.sleep(0.5)  # into the next epoch


def ended(child: pexpect.spawn, seconds: float) -> str:
    """What the command prints until it ends; fails if that takes longer than ``seconds``."""
    child.expect(pexpect.EOF, timeout=seconds)
    child.wait()
    return str(child.before)


def lines(printed: str) -> list[str]:
    """The lines on the screen but the progress bar and the terminal's ^C."""
    found = [line.rsplit("\r", 1)[-1].replace("^C", "").strip() for line in printed.split("\r\n")]
    return [line for line in found if line and ("step/s" not in line or "interrupted" in line)]


def test_ctrl_c_saves_the_step_and_ends_in_two_lines(tmp_path: Path) -> None:
    """Exit code 130 within seconds, nothing left running, and the next run resumes at that step."""
    with terminal(*training(tmp_path)) as child:
        wait_for_training(tmp_path)
        assert servers_of(child.pid)
        child.read_nonblocking(100_000, timeout=1)
        child.sendintr()
        told = lines(ended(child, END_SECONDS))
        assert child.exitstatus == 130
    assert len(told) == 2, told
    step = int(re.search(r"interrupted; step (\d+) is saved", told[0])[1])
    assert told[1] == "interrupted: run the same command again to resume."
    eventually(lambda: not servers_of(child.pid), 5, "the server's end")
    with terminal(*training(tmp_path)) as again:
        again.expect(f"resumed after step {step} of", timeout=120)


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    """Whatever the command still does about the first one; the server goes by itself."""
    with terminal(*training(tmp_path)) as child:
        wait_for_training(tmp_path)
        child.sendintr()
        child.sendintr()
        ended(child, 2)
        assert child.exitstatus == 130 or child.signalstatus == signal.SIGINT
    eventually(lambda: not servers_of(child.pid), 5, "the server's end")


def test_sigterm_saves_the_step_and_ends(tmp_path: Path) -> None:
    """As ``timeout`` and a service manager send it: ended by the signal, the step is saved."""
    with terminal(*training(tmp_path)) as child:
        wait_for_training(tmp_path)
        child.kill(signal.SIGTERM)
        told = ended(child, END_SECONDS)
        assert child.exitstatus == 128 + signal.SIGTERM or child.signalstatus == signal.SIGTERM
    assert "is saved" in told
    assert "Traceback" not in told
    eventually(lambda: not servers_of(child.pid), 5, "the server's end")


def test_a_killed_command_leaves_no_server_behind(tmp_path: Path) -> None:
    """kill -9 of the command alone: its server notices and ends."""
    with terminal(*training(tmp_path)) as child:
        wait_for_training(tmp_path)
        assert servers_of(child.pid)
        os.kill(child.pid, signal.SIGKILL)
        eventually(lambda: not servers_of(child.pid), 30, "the server's end")


def test_ctrl_c_while_images_are_resized(tmp_path: Path) -> None:
    """Threads that work on images hold nothing up, and what they did is kept."""
    draw_catalog(tmp_path, products=4_000, seed=0)
    arguments = (
        *("data_preprocessing.py", "--file_path", tmp_path / "catalog.parquet"),
        *("--base_image_path", tmp_path / "images", "--processed_data_path", tmp_path / "out"),
        *("--processed_images_path", tmp_path / "resized"),
    )
    with terminal(*arguments) as child:
        eventually(lambda: list(tmp_path.glob("resized/*.jpg")), 60, "a resized image", 0.02)
        child.sendintr()
        told = ended(child, END_SECONDS)
        assert child.exitstatus == 130
    assert "Traceback" not in told
    done = command(*map(str, arguments))
    assert done.returncode == 0, done.stderr


def test_ctrl_c_before_the_run_begins(tmp_path: Path) -> None:
    """While Prefect's server starts: 130 and no traceback."""
    with terminal(*training(tmp_path)) as child:
        eventually(lambda: servers_of(child.pid), 60, "a server", 0.02)
        child.sendintr()
        told = ended(child, END_SECONDS)
        assert child.exitstatus == 130
    assert "Traceback" not in told
    eventually(lambda: not servers_of(child.pid), 5, "the server's end")
