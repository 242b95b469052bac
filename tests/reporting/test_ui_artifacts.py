"""The report as artifacts of a workflow's UI."""

import json
import re
from pathlib import Path

import pytest

from tests.support.report import HOSTILE, report_of
from tests.support.run_results import run_results, small_sheet
from vitrina.reporting.ui_artifact import UiArtifact, read_ui_artifacts, write_ui_artifacts
from vitrina.reporting.ui_artifacts import ui_artifacts
from vitrina.results import StageResults
from vitrina.store.paths import to_path


@pytest.fixture
def results(tmp_path: Path) -> StageResults:
    """The results of a run."""
    return run_results(tmp_path)


def made(results: StageResults) -> dict[str, UiArtifact]:
    """The artifacts of a report by key."""
    return {one.key: one for one in ui_artifacts(report_of(results), small_sheet())}


def test_everything_on_the_page_is_an_artifact_too(results: StageResults) -> None:
    """Facts, rows, comparison, metrics, charts, images, map, samples and all tables."""
    found = made(results)
    assert found.keys() == {
        *("run", "rows", "compared", "metrics", "training", "contact-sheet", "details", "map"),
        *("rejected", "health-samples"),
    }
    assert "it embeds from now on" in found["run"].body
    assert {"Rows": "kept", "rows": "1,040"} in json.loads(found["rows"].body)
    assert "first run" in found["compared"].body
    assert "0.750" in found["metrics"].body
    assert found["training"].body.count("data:image/svg+xml;base64,") == 2
    assert found["contact-sheet"].body.startswith("data:image/png;base64,")
    assert "60 with 131 listings" in found["details"].body


def test_markdown_holds_no_markup_of_titles(results: StageResults) -> None:
    """Neither HTML nor links, images or table cells."""
    for key in ("rejected", "health-samples"):
        text = made(results)[key].body
        assert "<script" not in text
        assert "[x]" not in text
        hostile = next(line for line in text.splitlines() if "alert" in line)
        assert hostile.replace("\\|", "").count("|") == 4
    assert "| no image | 2 Кружка | a similar image |" in made(results)["health-samples"].body


def test_artifacts_load_nothing_from_elsewhere(results: StageResults) -> None:
    """Every image is a data: URI."""
    for artifact in made(results).values():
        for address in re.findall(r"!\[[^]]*\]\(([^)]*)\)", artifact.body):
            assert address.startswith("data:image/"), artifact.key
    assert HOSTILE not in "".join(one.body for one in made(results).values())


def test_a_stored_report_shows_the_same_again(results: StageResults, tmp_path: Path) -> None:
    """They are kept beside the page."""
    artifacts = list(made(results).values())
    write_ui_artifacts(to_path(tmp_path / "ui.json"), artifacts)
    assert read_ui_artifacts(to_path(tmp_path / "ui.json")) == artifacts
