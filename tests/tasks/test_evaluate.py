"""The stage "evaluate": its files, what is measured again, and what is logged to wandb."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pytest

from tasks.evaluate import evaluate
from tests.support.measured_shop import CONFIG, MeasuredShop, measured_shop
from tests.support.typed_queries import cleaned_queries
from vitrina.config.queries import QueryUseConfig, SearchQueries
from vitrina.config.run_options import TrackedRunOptions
from vitrina.evaluation import measure as measuring
from vitrina.evaluation.measurement import Measured
from vitrina.results import EvaluateResult, ModelResult
from vitrina.store.artifacts import Store
from vitrina.store.paths import to_path
from vitrina.store.stage import StageOutcome
from vitrina.training import tracking

Run = Callable[..., StageOutcome[EvaluateResult]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> MeasuredShop:
    """A processed table with its images, and two models of random weights."""
    return measured_shop(tmp_path_factory.mktemp("shop"), rows=50)


@pytest.fixture
def run(shop: MeasuredShop, tmp_path: Path) -> Run:
    """Run the stage on the shop; by default in a store of this test."""

    def run(
        *,
        models: tuple[ModelResult, ModelResult] = shop.models,
        store: Store | None = None,
        refresh: bool = False,
        queries: SearchQueries | None = None,
        **changes: object,
    ) -> StageOutcome[EvaluateResult]:
        store = store or Store(root=str(tmp_path))
        parameters = CONFIG.evaluate.model_copy(update={"probe_rows": 0, **changes})
        config = CONFIG.model_copy(update={"evaluate": parameters, "queries": queries})
        options = TrackedRunOptions(project_name="fine-tuning-ruclip", refresh=refresh)
        return evaluate.fn(shop.table, *models, store, config, options)

    return run


def test_the_stage_writes_the_report_and_the_ranks(run: Run) -> None:
    """evaluation.json holds what the result does; the ranks of both models give its metrics."""
    result = run().result
    report = Path(result.report)
    content = json.loads(report.read_text())
    assert content["before"] == result.before
    assert content["after"] == result.after
    assert result.before != result.after
    assert content["counts"]["ranked_rows"] > 10
    assert content["split"] == {"validation_fraction": 0.1, "test_fraction": 0.4, "seed": 0}
    listings = pd.read_parquet(result.ranks["listings"])
    assert len(listings) == content["counts"]["ranked_rows"]
    for side, metrics in (("before", result.before), ("after", result.after)):
        ranks = listings[f"text_to_image_rank_{side}"]
        assert (1 / ranks).mean() == pytest.approx(metrics["text_to_image_mrr"])


def test_tables_and_intervals_stand_in_the_order_of_the_measurement(
    run: Run, shop: MeasuredShop, tmp_path: Path
) -> None:
    """Listings, then each kind of query: in another order a rerun would not be the same bytes."""
    path = tmp_path / "queries.parquet"
    cleaned_queries(shop.rows).to_parquet(path)
    use = QueryUseConfig(query_test_fraction=0.5)  # of few queries, so that both kinds are there
    queries = SearchQueries(path=str(path), fingerprint="fp", use=use)
    result = run(queries=queries).result
    assert list(result.ranks) == ["listings", "unseen_queries", "unseen_products"]
    names = [name for name in result.after if name in result.intervals]
    assert list(result.intervals) == names
    assert {"unseen_queries_mrr", "unseen_products_mrr"} <= set(names)


def test_every_metric_has_intervals(run: Run) -> None:
    """All but chance: before, after and difference, with the metric inside."""
    result = run().result
    assert result.intervals.keys() == {name for name in result.after if "chance" not in name}
    for name, intervals in result.intervals.items():
        low, high = intervals.after
        assert low <= result.after[name] <= high, name
        low, high = intervals.difference
        assert low <= result.after[name] - result.before[name] <= high, name
    content = json.loads(Path(result.report).read_text())
    low, high = content["intervals"]["mean_mrr"]["difference"]
    assert (low, high) == result.intervals["mean_mrr"].difference


def test_a_second_run_measures_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stored metrics are reused, unless they are refreshed or a parameter decides others."""
    calls: list[str] = []
    real = measuring.measure

    def counting(*arguments: object) -> Measured:
        calls.append("measured")
        return real(*arguments)  # type: ignore[arg-type]  # passed on as they come

    monkeypatch.setattr(measuring, "measure", counting)
    first = run()
    assert not first.found_in
    assert len(calls) == 2
    assert run() == StageOutcome(first.result, str(Path(first.result.report).parent))
    assert len(calls) == 2
    assert run(batch_size=7).result == first.result
    assert len(calls) == 2, "the batch size decides no metric"
    assert not run(refresh=True).found_in
    assert len(calls) == 4
    run(templates="ruclip")
    assert len(calls) == 6


def test_the_base_model_is_measured_once(run: Run, shop: MeasuredShop, tmp_path: Path) -> None:
    """Another fine-tuned model finds the base model's metrics in the store."""
    run()
    base = shop.models[0].model_copy(update={"folder": str(tmp_path / "gone")})
    other = shop.models[0].model_copy(update={"fingerprint": "m2"})
    result = run(models=(base, other)).result
    assert result.before == pytest.approx(result.after), "the base model's folder was not opened"


def test_the_stage_runs_in_a_bucket(run: Run, bucket: str) -> None:
    """Report and ranks go where the store is."""
    result = run(store=Store(root=bucket)).result
    report = to_path(result.report)
    assert json.loads(report.read_text())["after"] == result.after
    assert (report.parent / "listings.parquet").stat().st_size > 1_000


def test_metrics_go_to_wandb_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both models' metrics are one run of the project; a stored evaluation sends nothing."""
    sent: list[tuple[str, dict[str, float]]] = []

    class Recording(tracking.WandbTracker):
        def __init__(self, project: str, *_: object) -> None:
            self.project = project

        def log(self, record: Mapping[str, float]) -> None:
            sent.append((self.project, dict(record)))

        def finish(self) -> None:
            pass

    monkeypatch.setattr(tracking, "WandbTracker", Recording)
    result = run().result
    run()
    ((project, record),) = sent
    assert project == "fine-tuning-ruclip"
    assert record["before/mean_recall_at_1"] == result.before["mean_recall_at_1"]
    assert record["after/mean_recall_at_1"] == result.after["mean_recall_at_1"]
