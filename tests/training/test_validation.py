"""Validation during training counts as the evaluation does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.small_training import (
    ROWS,
    catalogue,
    records,
    small_config,
    small_fine_tune,
)
from tests.support.typed_queries import small_queries
from vitrina.catalog.products import product_groups
from vitrina.catalog.split import split_rows
from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.parameters import RankingMetric
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.evaluation.measure import measure
from vitrina.model.model import RuCLIP
from vitrina.training.validation import better, held_out_rows


@pytest.fixture
def twins(tmp_path: Path) -> pd.DataFrame:
    """Sixty listings: each product twice, photographed once and offered under two titles."""
    table = catalogue(tmp_path, 60)
    second = table.index % 2 == 1
    for column in ("image_path", "image_hash"):
        table.loc[second, column] = table.loc[~second, column].to_numpy()
    return table


def test_validation_and_evaluation_give_one_model_the_same_metrics(
    twins: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """An image shared by two titles is relevant to both, in training as in the evaluation."""
    config = TrainConfig(num_epochs=1, batch_size=8, validation_fraction=0.3, test_fraction=0)
    split = split_rows(twins, config.validation_fraction, config.test_fraction, config.seed)
    rows = twins[split == "train"], twins[split == "validation"]
    progress = small_fine_tune(*rows, model, tmp_path / "out", config)
    evaluation = EvaluateConfig(templates="single", probe_rows=0, duplicate_rows=0, device="cpu")
    measured = measure(twins, model, evaluation, config.split()).metrics
    shared = progress.base.keys() & measured.keys()
    assert {"mean_recall_at_1", "mean_recall_at_10", "mean_mrr", "mean_ndcg_at_10"} <= shared
    for name in shared:
        assert progress.base[name] == pytest.approx(measured[name], abs=1e-6), name


def test_a_sampled_row_keeps_the_product_that_the_whole_table_gives_it(twins: pd.DataFrame) -> None:
    """Two rows that a third one joins are one product though the third was not drawn."""
    twins.loc[2, "title"] = twins.loc[1, "title"]  # joins the first product to the second
    whole = product_groups(twins)
    drawn = held_out_rows(twins, 30, seed=0)
    rows = drawn.pairs.nm.astype(int).to_numpy()
    assert len(rows) == 30
    assert np.array_equal(drawn.groups, whole[rows])
    joined = [
        seed for seed in range(40) if {0, 3} <= _drawn(twins, seed) and not _link(twins, seed)
    ]
    assert joined, "some seed draws both ends and neither row of the link"
    ends = held_out_rows(twins, 30, joined[0])
    indices = [int(np.flatnonzero(ends.pairs.nm.astype(int) == nm)[0]) for nm in (0, 3)]
    assert ends.groups[indices[0]] == ends.groups[indices[1]]


def _drawn(table: pd.DataFrame, seed: int) -> set[int]:
    return set(held_out_rows(table, 30, seed).pairs.nm.astype(int))


def _link(table: pd.DataFrame, seed: int) -> bool:
    return bool({1, 2} & _drawn(table, seed))


@pytest.mark.parametrize(
    ("metric", "values"),
    [("mean_recall_at_1", (0.49, 0.5, 0.51)), ("mean_geometric_rank", (7, 5, 4))],
)
def test_a_metric_decides_and_mean_reciprocal_rank_breaks_a_tie(
    metric: RankingMetric, values: tuple[float, float, float]
) -> None:
    """A rank is better if it is lower; an equal validation is not, so earlier weights are kept."""
    worse, equal, higher = values
    old = {metric: equal, "mean_mrr": 0.4}
    assert better({metric: higher, "mean_mrr": 0.1}, old, metric)
    assert better({metric: equal, "mean_mrr": 0.41}, old, metric)
    assert not better(dict(old), old, metric)
    assert not better({metric: worse, "mean_mrr": 0.9}, old, metric)


def test_queries_for_unseen_products_are_validated_and_can_choose_the_epoch(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """Their metrics are logged each epoch; the best epoch is the best by one of them."""
    queries = small_queries(table, ROWS)
    config = small_config(select_by="unseen_products_mrr")
    rows = table[:ROWS], table[ROWS:]
    progress = small_fine_tune(*rows, model, tmp_path, config, queries=queries)
    name = "validation/unseen_products_mrr"
    values = [record[name] for record in records(tmp_path) if name in record]
    assert len(values) == 4
    assert progress.best["unseen_products_mrr"] == max(values[1:])
    assert 0 < progress.base["unseen_products_ndcg_at_10"] < 1
    assert "unseen_products_mrr" in (tmp_path / "state.json").read_text()


def test_an_epoch_cannot_be_chosen_by_queries_that_are_not_there(
    table: pd.DataFrame, model: RuCLIP, tmp_path: Path
) -> None:
    """Without queries, and without one for a validation listing."""
    config = small_config(select_by="unseen_products_mrr")
    rows = table[:ROWS], table[ROWS:]
    with pytest.raises(UserError, match="no query is for a validation listing"):
        small_fine_tune(*rows, model, tmp_path, config)
    none_held_out = small_queries(table[:ROWS], ROWS)
    with pytest.raises(UserError, match="no query is for a validation listing"):
        small_fine_tune(*rows, model, tmp_path, config, queries=none_held_out)
    with pytest.raises(ValueError, match="choose unseen_products"):
        small_config(select_by="unseen_queries_mrr")
