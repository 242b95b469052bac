"""Where the figures of a training go: metrics.jsonl beside the checkpoints, and wandb."""

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
    """Something that is told the figures of a step."""

    def log(self, record: Record) -> None:
        """Take the figures of ``record['step']``."""

    def finish(self) -> None:
        """Nothing more will come."""


class NoTracker:
    """The tracker of a training that nobody follows."""

    def log(self, record: Record) -> None:
        """Nothing is kept."""

    def finish(self) -> None:
        """Nothing is open."""


class MetricsFile:
    """metrics.jsonl in a folder or bucket: a line per record, written whole at each flush."""

    def __init__(self, folder: UPath) -> None:
        self.path = folder / METRICS
        self.records: list[dict[str, float]] = []

    def resume(self, progress: Progress) -> None:
        """Take up the lines of an earlier start; those of what is done again are left out."""
        if self.path.fs.exists(self.path.path):
            lines = read_bytes(self.path).decode().splitlines()
            self.records = [
                one
                for one in map(json.loads, lines)
                if one["step"] <= (progress.step if "loss" in one else progress.finalized_step)
            ]

    def log(self, record: Record) -> None:
        """Keep a record for the next flush."""
        self.records.append(dict(record))

    def flush(self) -> None:
        """Write the file."""
        lines = [json.dumps(record) + "\n" for record in self.records]
        write_bytes(self.path, "".join(lines).encode())


class WandbTracker:
    """A wandb run; offline when no key is set. Its failures are logged and never end a training."""

    def __init__(self, project: str, key: str, config: Mapping[str, Any], folder: Path) -> None:
        self._run: Any = None
        mode = wandb_mode()
        if mode == "disabled":
            return
        try:
            import wandb  # seconds to import: only who tracks pays

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
                where = Path(self._run.dir).parent
                logger.info("wandb is offline; to send this run later: wandb sync %s", where)
        except Exception as error:  # noqa: BLE001 - whatever wandb does, the training goes on
            logger.warning("wandb does not start, the training goes on without it: %s", error)

    def log(self, record: Record) -> None:
        """Send a record."""
        self._safely("log", dict(record), step=int(record["step"]))

    def finish(self) -> None:
        """Close the run."""
        self._safely("finish")
        self._run = None

    def _safely(self, method: str, *arguments: Any, **named: Any) -> None:
        if self._run is None:
            return
        try:
            getattr(self._run, method)(*arguments, **named)
        except Exception as error:  # noqa: BLE001 - whatever wandb does, the training goes on
            logger.warning("wandb failed, the training goes on without it: %s", error)
            self._run = None


def wandb_mode() -> Mode:
    """WANDB_MODE if it is set, else online with a key and offline without one."""
    chosen = os.environ.get("WANDB_MODE", "").lower()
    for mode in MODES:
        if chosen == mode:
            return mode
    return "online" if _has_key() else "offline"


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("://")[-1].strip("/")
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
