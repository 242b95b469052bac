"""What a child run shows, shown by its parent too: progress bars, and the stages' log lines.

A run that is watched shows the lines of its own log only, and a person looks at the run that he has
started.
"""

import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterType,
    LogFilter,
    LogFilterFlowRunId,
    LogFilterTimestamp,
)
from prefect.client.schemas.objects import FlowRun, Log
from prefect.client.schemas.sorting import LogSort
from prefect.exceptions import PrefectHTTPStatusError

from tasks.orchestration.prefect_ui import create_quietly, update_quietly

logger = logging.getLogger(__name__)

EVERY_SECONDS = 3.0  # two requests each time
PAGE = 200  # the most lines that a server returns
LATE = timedelta(seconds=10)  # within which lines may arrive out of order
OURS = ("vitrina", "tasks", "flows")


@dataclass
class ChildView:
    """Follows a child: its bars become bars of this run, its lines lines of this run's log."""

    child: FlowRun
    deployment: str
    bars: dict[str, UUID | None] = field(default_factory=dict)
    shown: set[UUID] = field(default_factory=set)  # lines
    since: datetime | None = None
    updated_at: float = field(default_factory=time.monotonic)

    def update(self, client: SyncPrefectClient, *, now: bool = False) -> None:
        """Show what is new, every few seconds or ``now``. A server that fails shows nothing."""
        if not now and time.monotonic() - self.updated_at < EVERY_SECONDS:
            return
        self.updated_at = time.monotonic()
        try:
            self._show_progress(client)
            while self._show_lines(client):
                pass
        except (httpx.HTTPError, PrefectHTTPStatusError) as error:
            logger.debug("run %s cannot be followed at the moment: %s", self.child.name, error)

    def _show_progress(self, client: SyncPrefectClient) -> None:
        of_child = ArtifactFilter(
            flow_run_id=ArtifactFilterFlowRunId(any_=[self.child.id]),
            type=ArtifactFilterType(any_=["progress"]),
        )
        for artifact in client.read_artifacts(artifact_filter=of_child):
            key, percent = str(artifact.key), float(str(artifact.data))
            if key not in self.bars:
                text = f"{artifact.description or key}, in {self.deployment}"
                create = partial(create_progress_artifact, percent, key=key, description=text)
                self.bars[key] = create_quietly(create)
            elif bar := self.bars[key]:
                update_quietly(bar, percent)

    def _show_lines(self, client: SyncPrefectClient) -> bool:
        """Log the child's new lines; True if there may be more of them."""
        of_child = LogFilter(
            flow_run_id=LogFilterFlowRunId(any_=[self.child.id]),
            timestamp=LogFilterTimestamp(after_=self.since - LATE) if self.since else None,
        )
        lines = client.read_logs(of_child, limit=PAGE, sort=LogSort.TIMESTAMP_ASC)
        new = [line for line in lines if line.id not in self.shown]
        for line in new:
            self._log(line)
        if lines:
            self.since = lines[-1].timestamp
        return bool(new) and len(lines) == PAGE

    def _log(self, line: Log) -> None:
        if line.id:
            self.shown.add(line.id)
        if line.name.split(".")[0] in OURS:
            logger.log(line.level, "%s: %s", self.deployment, line.message)
