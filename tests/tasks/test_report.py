"""The stage "report": the page in the store, and when it is written again."""

from pathlib import Path

import pytest

from tasks.report import CONTACT_SHEET, UI, report
from tests.support.measured_shop import CONFIG, MeasuredShop, measured_shop
from tests.support.report import FACTS
from tests.support.run_results import SECONDS, run_results
from vitrina.config.evaluation import GateConfig
from vitrina.config.report import ReportConfig, ReportingConfig
from vitrina.config.run_options import RefreshOption
from vitrina.reporting.run_facts import RunFacts
from vitrina.reporting.ui_artifact import read_ui_artifacts
from vitrina.results import PipelineResult, StageResults
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path
from vitrina.store.stage import StageOutcome

OPTIONS = RefreshOption()
REPORT = ReportConfig(map_rows=0)  # the constructed results have no vectors
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


def made(
    results: StageResults, store: Store, facts: RunFacts = FACTS, **shown: object
) -> StageOutcome[PipelineResult]:
    """The report of a run."""
    config = ReportingConfig(
        report=REPORT.model_copy(update=shown), measuring=MEASURING, gate=GateConfig()
    )
    return report.fn(results, SECONDS, facts, store, config, OPTIONS)


def test_the_page_and_its_parts_are_in_the_store(results: StageResults, bucket: str) -> None:
    """Tables and images are in the page, which goes where the store is."""
    outcome = made(results, Store(root=bucket))
    page = to_path(outcome.result.report)
    assert outcome.found_in == ""
    assert page.read_text().count("data:image/svg+xml;base64,") == 3
    assert "ruCLIP_model_epoch2.pth" in page.read_text().replace("<wbr>", "")
    assert (page.parent / CONTACT_SHEET).read_bytes().startswith(b"\x89PNG")
    keys = {one.key for one in read_ui_artifacts(page.parent / UI)}
    assert keys >= {"run", "rows", "compared", "metrics", "training", "contact-sheet"}


def test_the_stage_is_cached_whatever_the_facts_of_the_run(
    results: StageResults, tmp_path: Path
) -> None:
    """Time, versions, name and what changes no result are in no key; a refresh writes it again."""
    store = Store(root=str(tmp_path / "store"))
    first = made(results, store)
    later = FACTS.model_copy(
        update={
            "started": FACTS.started.replace(year=2027),
            "versions": {"python": "3.13"},
            "name": "another",
            "changed": FACTS.decisive,
        }
    )
    second = made(results, store, later)
    assert second.found_in == str(Path(first.result.report).parent)
    assert second.result == first.result
    config = ReportingConfig(report=REPORT, measuring=MEASURING, gate=GateConfig())
    again = report.fn(results, {}, later, store, config, RefreshOption(refresh=True))
    assert again.found_in == ""


def test_other_results_are_compared_with_the_run_before(
    results: StageResults, tmp_path: Path
) -> None:
    """The key is the content of the results; and that of the run before, which is named."""
    store = Store(root=str(tmp_path / "store"))
    first = made(results, store)
    declined = results.promoted.model_copy(update={"verdict": "declined"})
    changed = results.model_copy(update={"promoted": declined})
    slower = FACTS.model_copy(update={"decisive": {"train.lr": 0.1}})
    other = made(changed, store, slower)
    assert other.result.report != first.result.report
    text = Path(other.result.report).read_text()
    assert "was declined" in text
    assert "The run before is of " in text
    assert "The run before is of " not in Path(first.result.report).read_text()
    returned = made(results, store)
    assert returned.found_in == ""
    assert returned.result.report != first.result.report
    assert made(results, store).found_in != ""


def test_another_language_is_another_report_of_the_same_run(
    results: StageResults, tmp_path: Path
) -> None:
    """It is written again, and is not its own run before."""
    store = Store(root=str(tmp_path / "store"))
    made(results, store)
    russian = Path(made(results, store, language="ru").result.report).read_text()
    assert "Отчёт о запуске Витрины" in russian
    assert "Это первый запуск" in russian
