"""Outside a Prefect run nothing is shown, and no server is looked for."""

import pytest

from tasks.orchestration import prefect_ui
from tests.support.prefect_artifacts import show_all


def test_outside_a_run_nothing_is_created(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test or a plain script may call everything."""

    def no_server(*_: object, **__: object) -> None:
        raise AssertionError("a server was asked")

    for name in ("table", "markdown", "image", "progress"):
        monkeypatch.setattr(prefect_ui, f"create_{name}_artifact", no_server)
    monkeypatch.setattr(prefect_ui, "update_progress_artifact", no_server)
    show_all("nowhere")
