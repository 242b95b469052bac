"""What a run shows in the Prefect UI: progress, tables, Markdown and images.

Outside a Prefect run nothing is created. A server that does not answer costs the image of the
work, never the work: it is logged and the task goes on.
"""

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
from vitrina.reporting.render import data_uri

logger = logging.getLogger(__name__)

UPDATE_SECONDS = 2.0  # an update is a request to the server; the UI asks no oftener


def show_table(key: str, rows: Sequence[Mapping[str, Any]], description: str = "") -> None:
    """A table of the run; ``key`` of ``[a-z0-9-]`` names it in the UI across runs."""
    table = [dict(row) for row in rows]
    _create(partial(create_table_artifact, table, key=key, description=description))


def show_markdown(key: str, markdown: str, description: str = "") -> None:
    """A text of the run. Images in it must be ``data:`` URIs: the UI loads nothing else."""
    _create(partial(create_markdown_artifact, markdown, key=key, description=description))


def show_image(key: str, png: bytes, description: str = "") -> None:
    """A PNG of the run, carried within the artifact so that it shows offline."""
    _create(partial(create_image_artifact, data_uri(png), key=key, description=description))


@contextmanager
def progress(key: str, unit: str, description: str = "") -> Iterator[OnProgress]:
    """A bar on the terminal and in the UI: call what you get with the units done and in all.

    Call it as often as you like, from the thread of the task; the server hears every two seconds.
    """
    shown = _Bar(key, description)
    with terminal_bar(key, unit) as bar:

        def show(done: int, total: int) -> None:
            bar(done, total)
            shown.show(done, total)

        yield show
    shown.finish()


class _Bar:
    def __init__(self, key: str, description: str) -> None:
        self.percent = 0.0
        create = partial(create_progress_artifact, 0.0, key=key, description=description)
        self.artifact = _create(create)
        self.shown_at = time.monotonic()

    def show(self, done: int, total: int) -> None:
        self.percent = min(100.0, 100 * done / max(total, 1))
        if time.monotonic() - self.shown_at >= UPDATE_SECONDS:
            self._update()

    def finish(self) -> None:
        """The end of a block that ended well: what was done last, at once."""
        self._update()

    def _update(self) -> None:
        self.shown_at = time.monotonic()
        if self.artifact is None:
            return
        try:
            update_progress_artifact(self.artifact, self.percent)
        except Exception as error:  # noqa: BLE001 - whatever the server does, the work goes on
            logger.warning("the progress bar stops here, the work goes on: %s", error)
            self.artifact = None


def _create(create: Callable[[], object]) -> UUID | None:
    if FlowRunContext.get() is None and TaskRunContext.get() is None:
        return None
    try:
        return cast(UUID, create())  # Prefect's type allows a coroutine too; tasks are not async
    except Exception as error:  # noqa: BLE001 - whatever the server does, the work goes on
        logger.warning("an artifact of this run is missing in the UI: %s", error)
        return None
