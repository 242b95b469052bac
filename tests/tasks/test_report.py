"""The stage "report": the page in the store, and when it is written again."""

from pathlib import Path

import pytest

from tasks.report import CONTACT_SHEET, CURVE, report
from tests.support.measured_shop import CONFIG, MeasuredShop, measured_shop
from tests.support.run_results import SECONDS, run_results
from vitrina.config.run_options import RefreshOption
from vitrina.results import StageResults
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path

OPTIONS = RefreshOption()
MEASURING = CONFIG.model_copy(
    update={"evaluate": CONFIG.evaluate.model_copy(update={"probe_rows": 0})}
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> MeasuredShop:
    """A processed table with its images, and two models of random weights."""
    return measured_shop(tmp_path_factory.mktemp("shop"), rows=40)


@pytest.fixture
def results(shop: MeasuredShop, tmp_path: Path) -> StageResults:
    """The results of a run on the shop."""
    results = run_results(tmp_path)
    model, other = shop.models
    return results.model_copy(
        update={
            "resized": results.resized.model_copy(update={"table": shop.table}),
            "promoted": results.promoted.model_copy(update={"model": model, "other": other}),
        }
    )


def test_the_page_and_the_curve_are_in_the_store(results: StageResults, bucket: str) -> None:
    """Tables and both images are in the page, which goes where the store is."""
    outcome = report.fn(results, SECONDS, Store(root=bucket), MEASURING, OPTIONS)
    page = to_path(outcome.result.report)
    assert outcome.found_in == ""
    assert page.read_text().count("data:image/png;base64,") == 2
    assert "ruCLIP_model_epoch2.pth" in page.read_text()
    for name in (CURVE, CONTACT_SHEET):
        assert (page.parent / name).read_bytes().startswith(b"\x89PNG"), name


def test_the_stage_is_cached_whatever_the_times(results: StageResults, tmp_path: Path) -> None:
    """The same results a second time: nothing is written again, unless it is to be refreshed."""
    store = Store(root=str(tmp_path / "store"))
    first = report.fn(results, SECONDS, store, MEASURING, OPTIONS)
    second = report.fn(results, {"clean": 9.0}, store, MEASURING, OPTIONS)
    assert second.found_in == str(Path(first.result.report).parent)
    assert second.result == first.result
    assert report.fn(results, SECONDS, store, MEASURING, RefreshOption(refresh=True)).found_in == ""


def test_other_results_give_another_page(results: StageResults, tmp_path: Path) -> None:
    """The key is the content of the results."""
    store = Store(root=str(tmp_path / "store"))
    first = report.fn(results, SECONDS, store, MEASURING, OPTIONS)
    kept = results.promoted.model_copy(update={"verdict": "declined"})
    other = report.fn(
        results.model_copy(update={"promoted": kept}), SECONDS, store, MEASURING, OPTIONS
    )
    assert other.result.report != first.result.report
    assert "was declined" in Path(other.result.report).read_text()
