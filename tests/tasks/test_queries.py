"""The stage "queries", and what the stages after it make of queries."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tasks.child_stages import train_in_deployment
from tasks.evaluate import evaluate
from tasks.promote import promote
from tasks.queries import queries
from tests.support.measured_shop import CONFIG, MeasuredShop, measured_shop
from vitrina.config.evaluation import GateConfig, MeasureConfig
from vitrina.config.pipeline import PipelineConfig
from vitrina.config.queries import QueryTableConfig, QueryUseConfig, SearchQueries
from vitrina.config.run_options import RefreshOption, TrackedRunOptions
from vitrina.config.scripts import TrainModelConfig
from vitrina.config.training import TrainConfig
from vitrina.store.artifacts import Store
from vitrina.training.request import training_inputs


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> MeasuredShop:
    """A processed table with its images, and two models of random weights."""
    return measured_shop(tmp_path_factory.mktemp("shop"), rows=60)


@pytest.fixture(scope="module")
def typed(shop: MeasuredShop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A query of two words for each listing, clicked for it and its neighbours."""
    rows = [
        {"query": " ".join(title.split()[:2]), "nm": nm, "weight": 1 + nm % 3}
        for nm, title in zip(shop.rows["nm"], shop.rows["title"], strict=True)
    ]
    path = tmp_path_factory.mktemp("typed") / "queries.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(root=str(tmp_path))


@pytest.fixture
def measuring(shop: MeasuredShop, typed: Path, store: Store) -> MeasureConfig:
    """What is measured, with the queries."""
    cleaned = queries.fn(
        (str(typed),), shop.table, store, QueryTableConfig(), RefreshOption()
    ).result
    searched = SearchQueries(
        path=cleaned.table.path,
        fingerprint=cleaned.table.fingerprint,
        use=QueryUseConfig(query_test_fraction=0.5),
    )
    parameters = CONFIG.evaluate.model_copy(update={"probe_rows": 0})
    return CONFIG.model_copy(update={"evaluate": parameters, "queries": searched})


def test_the_stage_runs_once_per_content(shop: MeasuredShop, typed: Path, store: Store) -> None:
    """A second run is cached; another table of listings, or another column, is not."""
    config, options = QueryTableConfig(), RefreshOption()
    first = queries.fn((str(typed),), shop.table, store, config, options)
    assert not first.found_in
    assert first.result.reasons == {}
    assert first.result.pairs == len(shop.rows)
    assert queries.fn((str(typed),), shop.table, store, config, options).found_in
    other = config.model_copy(update={"query_weight_column": "nm"})
    assert not queries.fn((str(typed),), shop.table, store, other, options).found_in
    changed = shop.table.model_copy(update={"fingerprint": "other"})
    assert not queries.fn((str(typed),), changed, store, config, options).found_in


def test_queries_are_evaluated_with_intervals_and_decide_a_gate(
    shop: MeasuredShop, measuring: MeasureConfig, store: Store
) -> None:
    """Both kinds, in the gallery of the whole table, and the verdict counts queries."""
    options = TrackedRunOptions()
    result = evaluate.fn(shop.table, *shop.models, store, measuring, options).result
    assert result.counts["gallery_rows"] == len(shop.rows)
    for kind in ("unseen_queries", "unseen_products"):
        names = {f"{kind}_{name}" for name in ("ndcg_at_10", "recall_at_10", "mrr")}
        assert names <= result.after.keys() & result.intervals.keys()
        ranks = pd.read_parquet(result.ranks[kind])
        assert len(ranks) == result.counts[kind] > 2
        assert {"query", f"{kind}_rank_before", f"{kind}_rank_after"} == set(ranks)
    content = json.loads(Path(result.report).read_text())
    assert content["queries"]["query_listing"] == "mix"
    gate = GateConfig(metric="unseen_queries_mrr")
    promoted = promote.fn(shop.table, *shop.models, store, measuring, gate).result
    assert promoted.comparison.held_out == result.counts["unseen_queries"]
    assert "held-out queries" in promoted.reason


def test_a_measurement_depends_on_the_queries_but_not_on_their_share_of_the_loss(
    measuring: MeasureConfig,
) -> None:
    """A base model is measured once for trainings that differ in it."""
    searched = measuring.queries
    assert searched is not None
    use = searched.use.model_copy(update={"query_share": 0.9})
    other = searched.model_copy(update={"use": use})
    assert other.measuring_inputs() == searched.measuring_inputs()
    assert other.training_inputs() != searched.training_inputs()


def test_a_training_without_queries_keeps_its_inputs(
    shop: MeasuredShop, measuring: MeasureConfig
) -> None:
    """With them they are part of the key."""
    given = shop.table, shop.models[0], TrainConfig(), "cpu float32"
    plain = training_inputs(*given)
    assert "queries" not in plain
    with_queries = training_inputs(*given, queries=measuring.queries)
    assert with_queries["queries"]["query_share"] == 0.5
    assert {name: one for name, one in with_queries.items() if name != "queries"} == plain


def test_a_training_elsewhere_gets_the_cleaned_queries(
    shop: MeasuredShop,
    measuring: MeasureConfig,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The child's parameters name the table in the store, and how it is used."""
    sent: list[TrainModelConfig] = []

    def child(_deployment: str, config: TrainModelConfig) -> None:
        sent.append(config)
        raise ConnectionError

    monkeypatch.setattr("tasks.child_stages.run_in_deployment", child)
    pipeline = PipelineConfig(catalog="demo", images="demo", training_deployment="train-model/gpu")
    train = train_in_deployment(pipeline)
    with pytest.raises(ConnectionError):
        train.fn(
            shop.table,
            shop.models[0],
            store,
            TrainConfig(),
            TrackedRunOptions(),
            queries=measuring.queries,
        )
    (config,) = sent
    assert measuring.queries is not None
    assert config.queries == (measuring.queries.path,)
    assert config.part(QueryUseConfig) == measuring.queries.use
