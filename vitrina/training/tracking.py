"""Where a training's metrics go: metrics.jsonl beside the checkpoints, and wandb."""

import json
import logging
import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from upath import UPath

from vitrina.store.files import read_bytes, write_bytes
from vitrina.training.checkpoints import METRICS, Progress

logger = logging.getLogger(__name__)

Mode = Literal["online", "offline", "disabled"]
MODES: tuple[Mode, ...] = ("online", "offline", "disabled")
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
    """A wandb run; offline if no API key is set. Its failures are logged and end no training."""

    def __init__(self, project: str, key: str, config: Mapping[str, Any], folder: Path) -> None:
        self._run: Any = None
        mode = wandb_mode()
        if mode == "disabled":
            return
        try:
            import wandb  # takes seconds, and is not needed where it is disabled

            folder.mkdir(parents=True, exist_ok=True)
            self._run = wandb.init(
                project=project,
                id=key,
                resume="allow" if mode == "online" else None,
                config=dict(config),
                dir=str(folder),
                mode=mode,
                settings=wandb.Settings(silent=True, console="off"),
            )
            if mode == "offline":
                folder = Path(self._run.dir).parent
                logger.info("wandb is offline; to upload this run later: wandb sync %s", folder)
        except Exception as error:  # noqa: BLE001 - no failure of wandb ends a training
            logger.warning("wandb does not start, the training continues without it: %s", error)

    def log(self, record: Record) -> None:
        """Send a record to wandb."""
        self._safely("log", dict(record), step=int(record["step"]))

    def finish(self) -> None:
        """Close the wandb run."""
        self._safely("finish")
        self._run = None

    def _safely(self, method: str, *arguments: Any, **named: Any) -> None:
        if self._run is None:
            return
        try:
            getattr(self._run, method)(*arguments, **named)
        except Exception as error:  # noqa: BLE001 - no failure of wandb ends a training
            logger.warning("wandb failed, the training continues without it: %s", error)
            self._run = None


def wandb_mode() -> Mode:
    """WANDB_MODE if it is set, else online with an API key and offline without one."""
    chosen = os.environ.get("WANDB_MODE", "").lower()
    for mode in MODES:
        if chosen == mode:
            return mode
    return "online" if _has_api_key() else "offline"


def _has_api_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].strip("/")
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
