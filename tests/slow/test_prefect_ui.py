"""What a run shows in the Prefect UI, on a real server."""

import base64
import logging
from collections.abc import Iterator

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import Artifact
from prefect.testing.utilities import prefect_test_harness

from tasks.orchestration import prefect_ui
from tasks.orchestration.prefect_ui import progress
from tests.support.prefect_artifacts import png, show_all

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """Prefect's own server, for the tests of this file."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


def stored() -> dict[str | None, Artifact]:
    """The artifacts on the server by their keys."""
    with get_client(sync_client=True) as client:
        return {one.key: one for one in client.read_artifacts()}


@pytest.mark.usefixtures("server")
def test_a_run_carries_its_artifacts() -> None:
    """Of a task and of a flow: table, text, image as data, and progress where it ended."""
    shown = task(show_all)

    @flow
    def run() -> None:
        show_all("flow")
        shown.submit("task").result()

    run()
    shown_artifacts = stored()
    for source in ("flow", "task"):
        assert shown_artifacts[f"{source}-table"].data == '[{"reason": "no title", "rows": 3}]'
        assert shown_artifacts[f"{source}-markdown"].data == "## Metrics"
        image = str(shown_artifacts[f"{source}-image"].data)
        head, content = image.split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(content) == png()
        assert shown_artifacts[f"{source}-progress"].data == 75
        assert shown_artifacts[f"{source}-table"].flow_run_id is not None
    assert shown_artifacts["task-table"].task_run_id is not None


@pytest.mark.usefixtures("server")
def test_progress_is_sent_to_the_server_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand calls are at most three requests, and no value is above 100 percent."""
    sent: list[float] = []
    monkeypatch.setattr(
        prefect_ui, "update_progress_artifact", lambda _, percent: sent.append(percent)
    )

    @flow
    def run() -> None:
        with progress("busy", "row") as show:
            for count in range(10_000):
                show(count, 10_000)
            show(10_500, 10_000)

    run()
    assert len(sent) <= 3
    assert sent[-1] == 100


@pytest.mark.usefixtures("server")
def test_a_server_that_fails_does_not_stop_the_run(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning is logged for each missing artifact, and the run completes."""

    def broken(*_: object, **__: object) -> None:
        raise ConnectionError("the server went away")

    monkeypatch.setattr(prefect_ui, "create_table_artifact", broken)
    monkeypatch.setattr(prefect_ui, "update_progress_artifact", broken)

    @flow
    def run() -> str:
        show_all("broken")
        return "done"

    with caplog.at_level(logging.WARNING, logger="tasks.orchestration.prefect_ui"):
        assert run() == "done"
    assert "broken-table" not in stored()
    assert caplog.text.count("the server went away") == 2
