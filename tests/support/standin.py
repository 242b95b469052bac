"""Flows that stand in for the stages where a test is about how runs start, end and die.

They take a second where training would take minutes; the real flows run in test_service.py.
"""

import logging
import os
import signal
import time
from pathlib import Path
from typing import Literal

from prefect import flow, task

from tasks.orchestration.child_run import run_in_deployment
from vitrina.config import Parameters

logger = logging.getLogger(__name__)


class Wish(Parameters):
    """What a stand-in does with its run."""

    end: Literal["complete", "fail", "crash", "crash once", "wait"]
    folder: str

    def leave(self, name: str) -> None:
        """Leave a file behind for the test to find."""
        (Path(self.folder) / name).write_text(str(os.getpid()))


@flow(name="child")
def child(config: Wish) -> None:
    """Ends as it is told; waits like a training that checkpoints when it is told to stop."""
    first = not (Path(config.folder) / "begun").exists()
    config.leave("begun")
    logger.info("a stage says that it has begun")
    if config.end == "fail":
        raise RuntimeError("the images have run out")
    if config.end == "crash" or (config.end == "crash once" and first):
        os.kill(os.getpid(), signal.SIGKILL)
    if config.end == "wait":
        try:
            while not (Path(config.folder) / "go on").exists():
                time.sleep(0.1)
        except BaseException:
            config.leave("checkpoint")
            raise
    config.leave("done")


@task
def stage(config: Wish) -> None:
    """A stage that runs on the gpu pool."""
    run_in_deployment("child/gpu", config, poll_seconds=0.5)


@flow(name="parent")
def parent(config: Wish) -> None:
    """Runs a stage as the pipeline does: as a task, in a thread."""
    stage.submit(config).result()
    config.leave("parent done")
