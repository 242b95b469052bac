"""What a run shows in the Prefect UI: progress, tables, Markdown and images.

Outside a Prefect run nothing is created. If the server fails, a warning is logged and the task goes
on without the artifact.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast
from uuid import UUID

from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext, TaskRunContext

from vitrina.execution.progress import OnProgress, terminal_bar
from vitrina.reporting.ui_artifact import UiArtifact

logger = logging.getLogger(__name__)

UPDATE_SECONDS = 2.0  # each update is a request to the server; the UI polls no more often


def show_table(key: str, rows: Sequence[Mapping[str, Any]], description: str = "") -> None:
    """Show a table; ``key``, of ``[a-z0-9-]``, identifies it across runs."""
    table = [dict(row) for row in rows]
    create_quietly(partial(create_table_artifact, table, key=key, description=description))


def show_markdown(key: str, markdown: str, description: str = "") -> None:
    """Show a text. Images in it must be ``data:`` URIs; the UI loads no others."""
    create_quietly(partial(create_markdown_artifact, markdown, key=key, description=description))


def show_image(key: str, image: str, description: str = "") -> None:
    """Show an image, a ``data:`` URI, so that it needs no other server."""
    create_quietly(partial(create_image_artifact, image, key=key, description=description))


def show_artifact(artifact: UiArtifact) -> None:
    """Show a part of a report."""
    key, content, description = artifact.key, artifact.body, artifact.description
    if artifact.kind == "table":
        show_table(key, json.loads(content), description)
    elif artifact.kind == "image":
        show_image(key, content, description)
    else:
        show_markdown(key, content, description)


@contextmanager
def progress(key: str, unit: str, description: str = "") -> Iterator[OnProgress]:
    """Show a bar on the terminal and in the UI; yields the callback that moves both.

    The callback takes the units done and their total. It may be called any number of times, from
    the thread of the task; the server is updated every two seconds.
    """
    ui_bar = _Bar(key, description)
    with terminal_bar(key, unit) as bar:

        def show(done: int, total: int) -> None:
            bar(done, total)
            ui_bar.show(done, total)

        yield show
    ui_bar.finish()


class _Bar:
    """A progress artifact, updated every two seconds at most."""

    def __init__(self, key: str, description: str) -> None:
        self.percent = 0.0
        create = partial(create_progress_artifact, 0.0, key=key, description=description)
        self.artifact = create_quietly(create)
        self.updated_at = time.monotonic()

    def show(self, done: int, total: int) -> None:
        self.percent = min(100.0, 100 * done / max(total, 1))
        if time.monotonic() - self.updated_at >= UPDATE_SECONDS:
            self._update()

    def finish(self) -> None:
        """Show the last value at once."""
        self._update()

    def _update(self) -> None:
        self.updated_at = time.monotonic()
        if self.artifact is not None and not update_quietly(self.artifact, self.percent):
            self.artifact = None


def update_quietly(bar: UUID, percent: float) -> bool:
    """Move a progress bar; False, and a warning, if the server fails."""
    try:
        update_progress_artifact(bar, percent)
    except Exception as error:  # noqa: BLE001 - no failure of the server may stop the task
        logger.warning("the progress bar in the Prefect UI stops here: %s", error)
        return False
    return True


def create_quietly(create: Callable[[], object]) -> UUID | None:
    """The id of a new artifact; None outside a run, and with a warning if the server fails."""
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        return None
    try:
        return cast(UUID, create())  # typed as a coroutine too, which it is in async tasks only
    except Exception as error:  # noqa: BLE001 - no failure of the server may stop the task
        logger.warning("an artifact of this run is missing in the Prefect UI: %s", error)
        return None
