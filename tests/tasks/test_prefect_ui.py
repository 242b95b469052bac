"""What a run shows in the Prefect UI, on a real server; outside a run, nothing."""

import base64
import io
import logging
from collections.abc import Iterator

import pytest
from PIL import Image
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import Artifact
from prefect.testing.utilities import prefect_test_harness

from tasks.orchestration import prefect_ui as artifacts
from tasks.orchestration.prefect_ui import progress, show_image, show_markdown, show_table


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), "green").save(buffer, "png")
    return buffer.getvalue()


def show_all(key: str) -> None:
    show_table(f"{key}-table", [{"reason": "no title", "rows": 3}], "Rows")
    show_markdown(f"{key}-markdown", "## Figures")
    show_image(f"{key}-image", png(), "An image")
    with progress(f"{key}-progress", "image", "Resizing") as show:
        for count in range(1, 4):
            show(count, 4)


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    """Prefect's own server, for the tests of this file."""
    with prefect_test_harness(server_startup_timeout=120):
        yield


def stored() -> dict[str | None, Artifact]:
    with get_client(sync_client=True) as client:
        return {one.key: one for one in client.read_artifacts()}


def test_outside_a_run_nothing_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    """Called by a test or a plain script, no server is looked for."""

    def no_server(*_: object, **__: object) -> None:
        raise AssertionError("a server was asked")

    for name in ("table", "markdown", "image", "progress"):
        monkeypatch.setattr(artifacts, f"create_{name}_artifact", no_server)
    monkeypatch.setattr(artifacts, "update_progress_artifact", no_server)
    show_all("nowhere")


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_run_carries_its_artifacts() -> None:
    """From a task and from a flow: table, text, image as data, and progress where it ended."""
    shown = task(show_all)

    @flow
    def run() -> None:
        show_all("flow")
        shown.submit("task").result()

    run()
    found = stored()
    for where in ("flow", "task"):
        assert found[f"{where}-table"].data == '[{"reason": "no title", "rows": 3}]'
        assert found[f"{where}-markdown"].data == "## Figures"
        image = str(found[f"{where}-image"].data)
        head, content = image.split(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(content) == png()
        assert found[f"{where}-progress"].data == 75
        assert found[f"{where}-table"].flow_run_id is not None
    assert found["task-table"].task_run_id is not None


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_progress_is_told_to_the_server_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand calls are a few requests, and never more than all."""
    told: list[float] = []
    monkeypatch.setattr(
        artifacts, "update_progress_artifact", lambda _, percent: told.append(percent)
    )

    @flow
    def run() -> None:
        with progress("busy", "row") as show:
            for count in range(10_000):
                show(count, 10_000)
            show(10_500, 10_000)

    run()
    assert len(told) <= 3
    assert told[-1] == 100


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_server_that_fails_costs_no_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The artifact is missing, which is logged, and the run completes."""

    def broken(*_: object, **__: object) -> None:
        raise ConnectionError("the server went away")

    monkeypatch.setattr(artifacts, "create_table_artifact", broken)
    monkeypatch.setattr(artifacts, "update_progress_artifact", broken)

    @flow
    def run() -> str:
        show_all("broken")
        return "done"

    with caplog.at_level(logging.WARNING, logger="tasks.orchestration.prefect_ui"):
        assert run() == "done"
    assert "broken-table" not in stored()
    assert caplog.text.count("the server went away") == 2
