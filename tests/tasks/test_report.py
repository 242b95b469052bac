"""The stage "report": the page in the store, and when it is written again."""

from pathlib import Path

import pytest

from tasks.report import CURVE, report
from tests.support.run_results import SECONDS, run_results
from vitrina.config.run_options import RefreshOption
from vitrina.results import StageResults
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path

OPTIONS = RefreshOption()


@pytest.fixture
def results(tmp_path: Path) -> StageResults:
    """The results of a run."""
    return run_results(tmp_path)


def test_the_page_and_the_curve_are_in_the_store(results: StageResults, bucket: str) -> None:
    """Tables and both images are in the page, which goes where the store is."""
    outcome = report.fn(results, SECONDS, Store(root=bucket), OPTIONS)
    page = to_path(outcome.result.report)
    assert outcome.found_in == ""
    assert page.read_text().count("data:image/png;base64,") == 2
    assert "ruCLIP_model_epoch2.pth" in page.read_text()
    assert (page.parent / CURVE).read_bytes().startswith(b"\x89PNG")


def test_the_stage_is_cached_whatever_the_times(results: StageResults, tmp_path: Path) -> None:
    """The same results a second time: nothing is written again, unless it is to be refreshed."""
    store = Store(root=str(tmp_path / "store"))
    first = report.fn(results, SECONDS, store, OPTIONS)
    second = report.fn(results, {"clean": 9.0}, store, OPTIONS)
    assert second.found_in == str(Path(first.result.report).parent)
    assert second.result == first.result
    assert report.fn(results, SECONDS, store, RefreshOption(refresh=True)).found_in == ""


def test_other_results_give_another_page(results: StageResults, tmp_path: Path) -> None:
    """The key is the content of the results."""
    store = Store(root=str(tmp_path / "store"))
    first = report.fn(results, SECONDS, store, OPTIONS)
    kept = results.promoted.model_copy(update={"promoted": False})
    other = report.fn(results.model_copy(update={"promoted": kept}), SECONDS, store, OPTIONS)
    assert other.result.report != first.result.report
    assert "not promoted" in Path(other.result.report).read_text()
