"""Flows that stand in for the stages where a test is about how runs start, end and die.

They take a second where training would take minutes; the real flows run in test_service.py.
"""

import logging
import os
import signal
import time
from pathlib import Path
from typing import Literal

from prefect import flow
from prefect.concurrency import _leases

import flows  # noqa: F401 - as every flow does; it lets a deployed run outlive its worker
from tasks.orchestration.child_run import run_in_deployment
from tasks.orchestration.stage import StageTask
from vitrina.config.parameters import Parameters
from vitrina.store.stage import StageOutcome

logger = logging.getLogger(__name__)

# A run renews the lease of its deployment's limit every 6 s instead of every 225 s, which Prefect
# has no setting for: a test can then wait until a lease that a server has lost is missed.
_leases._RENEWAL_FRACTION = 0.02


class Wish(Parameters):
    """What a stand-in does with its run."""

    end: Literal["complete", "fail", "crash", "crash once", "wait"]
    folder: str
    child: str = "child/gpu"

    def leave(self, name: str) -> None:
        """Leave a file behind for the test to find."""
        (Path(self.folder) / name).write_text(str(os.getpid()))


@flow(name="child")
def child(config: Wish) -> None:
    """Ends as it is told; waits like a training that logs, and checkpoints when it is stopped."""
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
                logger.info("a step")
                time.sleep(0.1)
        except BaseException:
            config.leave("checkpoint")
            raise
    config.leave("done")


@StageTask
def stage(config: Wish) -> StageOutcome[Wish]:
    """A stage that runs on the gpu pool."""
    run_in_deployment(config.child, config, poll_seconds=0.5)
    return StageOutcome(config)


@flow(name="parent")
def parent(config: Wish) -> None:
    """Runs a stage as the pipeline does."""
    stage(config)
    config.leave("parent done")
