"""Validation while training: it counts as the evaluation does."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.support.small_training import catalogue, small_fit, small_model
from vitrina.catalog.products import product_groups
from vitrina.catalog.split import split_rows
from vitrina.config import EvaluateConfig, TrainConfig
from vitrina.evaluation.measure import measure
from vitrina.training.validation import held_out_rows


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Sixty listings: each product twice, photographed once and offered under two titles."""
    table = catalogue(tmp_path, 60)
    twins = table.index % 2 == 1
    for column in ("image_path", "image_hash"):
        table.loc[twins, column] = table.loc[~twins, column].to_numpy()
    return table


def test_validation_and_evaluation_give_one_model_the_same_figures(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image shared by two titles is right for both, in training as in the evaluation."""
    monkeypatch.setenv("VITRINA_CACHE", str(tmp_path / "cache"))
    model = small_model(tmp_path, table)
    config = TrainConfig(num_epochs=1, batch_size=8, validation_fraction=0.3, test_fraction=0)
    side = split_rows(table, config.validation_fraction, config.test_fraction, config.seed)
    rows = table[side == "train"], table[side == "validation"]
    progress = small_fit(*rows, model, tmp_path / "out", config)
    evaluation = EvaluateConfig(templates="single", probe_rows=0, duplicate_rows=0, device="cpu")
    measured = measure(table, model, evaluation, config).metrics
    shared = progress.base.keys() & measured.keys()
    assert {"mean_recall_at_1", "mean_recall_at_10", "mean_mrr", "mean_ndcg_at_10"} <= shared
    for name in shared:
        assert progress.base[name] == pytest.approx(measured[name], abs=1e-6), name


def test_a_sampled_row_keeps_the_product_that_the_whole_table_gives_it(table: pd.DataFrame) -> None:
    """Two rows that a third one joins are one product though the third was not drawn."""
    table.loc[2, "title"] = table.loc[1, "title"]  # joins the first product to the second
    whole = product_groups(table)
    drawn = held_out_rows(table, 30, seed=0)
    rows = drawn.pairs.nm.astype(int).to_numpy()
    assert len(rows) == 30
    assert np.array_equal(drawn.groups, whole[rows])
    joined = [
        seed for seed in range(40) if {0, 3} <= _drawn(table, seed) and not _link(table, seed)
    ]
    assert joined, "some seed draws both ends and neither row of the link"
    ends = held_out_rows(table, 30, joined[0])
    places = [int(np.flatnonzero(ends.pairs.nm.astype(int) == nm)[0]) for nm in (0, 3)]
    assert ends.groups[places[0]] == ends.groups[places[1]]


def _drawn(table: pd.DataFrame, seed: int) -> set[int]:
    return set(held_out_rows(table, 30, seed).pairs.nm.astype(int))


def _link(table: pd.DataFrame, seed: int) -> bool:
    return bool({1, 2} & _drawn(table, seed))
