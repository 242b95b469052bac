"""The comparison with the run before."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.report import FACTS, pipeline_result, report_of
from tests.support.run_results import run_results
from vitrina.reporting.comparison import comparison_section, parameters_section
from vitrina.reporting.content import compared_note
from vitrina.reporting.language import ENGLISH
from vitrina.reporting.previous_run import PreviousRun
from vitrina.results import StageResults, TableRef


@pytest.fixture
def results(tmp_path: Path) -> StageResults:
    """The results of a run."""
    return run_results(tmp_path)


def before(results: StageResults, fingerprint: str = "f") -> PreviousRun:
    """A run with fewer rows, another reason for rejection and a lower recall."""
    resized = results.resized.model_copy(
        update={
            "table": TableRef(path="t.parquet", fingerprint=fingerprint),
            "rows_in": 900,
            "rows_kept": 898,
            "reasons": {"empty_image": 2},
        }
    )
    recall = {"text_to_image_recall_at_1": 0.5}
    after = results.evaluated.after | recall
    evaluated = results.evaluated.model_copy(update={"after": after})
    changed = results.model_copy(update={"resized": resized, "evaluated": evaluated})
    made = datetime(2026, 11, 26, 2, tzinfo=UTC)
    return PreviousRun("k", made, pipeline_result(changed), {"train.lr": 0.1, "skip": ["health"]})


def test_both_runs_and_their_difference(results: StageResults) -> None:
    """Rows, each reason of either run, metrics, duplicates and health."""
    rows = comparison_section(before(results), pipeline_result(results)).rows
    assert rows[:5] == [
        ("listings in the catalogue", "900", "1,050", "+150"),
        ("kept", "898", "1,040", "+142"),
        ("rejected: truncated image", "0", "7", "+7"),
        ("rejected: missing title", "0", "3", "+3"),
        ("rejected: empty image", "2", "0", "-2"),
    ]
    assert ("groups of duplicates", "60", "60", "0") in rows
    assert ("recall@1, text → image", "0.500", "0.750", "+0.250") in rows


def test_parameters_that_differ(results: StageResults) -> None:
    """Those that either run has changed, with the default where one has not."""
    section = parameters_section(before(results), FACTS.decisive)
    assert section is not None
    assert section.rows == [
        ("train.lr", "0.1", "0.001"),
        ("skip", "health", "default"),
        ("index.columns", "default", "brend"),
    ]
    assert parameters_section(before(results), {"train.lr": 0.1, "skip": ["health"]}) is None


def test_metrics_of_other_rows_are_said_to_be(results: StageResults) -> None:
    """Of another table they are of other held-out products."""
    result = pipeline_result(results)
    assert compared_note(before(results), result, ENGLISH) == (
        "The run before is of 2026-11-26 02:00 UTC. Metrics are those of the new model of each run."
    )
    assert "other held-out products" in compared_note(before(results, "other"), result, ENGLISH)


def test_a_first_run_has_nothing_to_compare_with(results: StageResults) -> None:
    """The report says so, and has no table of it."""
    report = report_of(results)
    assert report.compared == []
    assert report.compared_note == "This is the first run of this output."
    assert len(report_of(results, previous=before(results)).compared) == 2
