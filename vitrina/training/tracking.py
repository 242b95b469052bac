"""Where a training's metrics go: metrics.jsonl beside the checkpoints, and wandb."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from upath import UPath

from vitrina.store.files import read_bytes, write_bytes
from vitrina.training.checkpoints import METRICS, Progress
from vitrina.training.wandb_mode import Mode, wandb_mode, wandb_mode_variable

logger = logging.getLogger(__name__)

INIT_SECONDS, FINISH_SECONDS = 20, 60
Record = Mapping[str, float]


class Tracker(Protocol):
    """Receives the metrics of a training."""

    def log(self, record: Record) -> None:
        """Log the metrics of step ``record['step']``."""

    def finish(self) -> None:
        """Close the tracker; nothing is logged afterwards."""


class NoTracker:
    """A tracker that does nothing."""

    def log(self, record: Record) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class MetricsFile:
    """metrics.jsonl in a folder or bucket: one line per record, rewritten at each flush."""

    def __init__(self, folder: UPath) -> None:
        self.path = folder / METRICS
        self.records: list[dict[str, float]] = []

    def resume(self, progress: Progress) -> None:
        """Read the records of an earlier start, without those of steps that are taken again."""
        if self.path.fs.exists(self.path.path):
            lines = read_bytes(self.path).decode().splitlines()
            self.records = [
                record
                for record in map(json.loads, lines)
                if record["step"]
                <= (progress.step if "loss" in record else progress.finalized_step)
            ]

    def log(self, record: Record) -> None:
        """Add a record; the next flush writes it."""
        self.records.append(dict(record))

    def flush(self) -> None:
        """Write the file."""
        lines = [json.dumps(record) + "\n" for record in self.records]
        write_bytes(self.path, "".join(lines).encode())


class WandbTracker:
    """A wandb run; offline if wandb cannot be used online. Its failures never stop training."""

    def __init__(self, project: str, key: str, config: Mapping[str, Any], folder: Path) -> None:
        self._run: Any = None
        try:
            mode = wandb_mode()
            if mode == "disabled":
                return
            folder.mkdir(parents=True, exist_ok=True)
            self._run = self._start(mode, project=project, id=key, config=config, dir=folder)
        except Exception as error:  # noqa: BLE001 - no failure of wandb ends a training
            logger.warning("wandb does not start, the training continues without it: %s", error)

    def _start(self, mode: Mode, **run: Any) -> Any:
        """Start a run; one that fails to start online, by a wrong key for one, is kept offline."""
        try:
            started = start_wandb(mode, **run)
        except Exception as error:
            if mode != "online":
                raise
            logger.warning("wandb does not start online, so it is offline: %s", error)
            forget_failed_run()
            mode, started = "offline", start_wandb("offline", **run)
        if mode == "offline":
            logger.info("wandb is offline; to upload this run later: %s", _sync_command(started))
        return started

    def log(self, record: Record) -> None:
        """Send a record to wandb."""
        self._safely("log", dict(record), step=int(record["step"]))

    def finish(self) -> None:
        """Close the wandb run; what could not be uploaded stays in its folder."""
        self._safely("finish")
        self._run = None

    def _safely(self, method: str, *arguments: Any, **named: Any) -> None:
        if self._run is None:
            return
        try:
            getattr(self._run, method)(*arguments, **named)
        except TimeoutError:
            logger.warning(
                "wandb has not uploaded everything; to do so later: %s", _sync_command(self._run)
            )
        except Exception as error:  # noqa: BLE001 - no failure of wandb ends a training
            logger.warning("wandb failed, the training continues without it: %s", error)
            self._run = None


def start_wandb(mode: Mode, **run: Any) -> Any:
    """Start a wandb run that waits for its server for seconds, not for minutes."""
    import wandb  # takes seconds, and is not needed where it is disabled

    settings = wandb.Settings(
        silent=True,
        console="off",
        init_timeout=INIT_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
    )
    with wandb_mode_variable(mode):
        return wandb.init(
            **{**run, "config": dict(run["config"]), "dir": str(run["dir"])},
            mode=mode,
            resume="allow" if mode == "online" else None,
            settings=settings,
        )


def forget_failed_run() -> None:
    """Have wandb forget a run that failed to start: its id counts as taken until then."""
    import wandb  # takes seconds

    wandb.teardown()


def _sync_command(run: Any) -> str:
    return f"wandb sync {Path(run.dir).parent}"
