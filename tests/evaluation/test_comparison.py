"""What the gate is told: gains, their intervals, and how often it would be wrong."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from tests.support.vectors import random_pairs, unit
from vitrina.catalog.queries.query_pairs import QueryPairs, no_pairs
from vitrina.config.evaluation import GateConfig
from vitrina.config.parameters import RankingMetric
from vitrina.errors import UserError
from vitrina.evaluation.aggregate import metrics_of
from vitrina.evaluation.comparison import compare, gain_intervals, path_of, score, scores_of
from vitrina.evaluation.measurement import Measurement
from vitrina.evaluation.metrics import retrieval_figures
from vitrina.evaluation.query_ranks import RankedQueries, query_figures
from vitrina.promotion.verdict import decide
from vitrina.results import Comparison

METRICS: tuple[RankingMetric, ...] = get_args(RankingMetric)
OF_LISTINGS = [metric for metric in METRICS if not metric.startswith("unseen_")]
OF_QUERIES = [metric for metric in METRICS if metric.startswith("unseen_")]


def figures_with(noise: float, products: int = 60) -> pd.DataFrame:
    """Ranks of 90 listings by a model that is wrong by so much noise."""
    image, text = random_pairs(90, 16, 0, noise)
    figures = retrieval_figures(image, text, np.arange(90) % products)
    return figures.assign(nm=[str(nm) for nm in range(90)])


@pytest.mark.parametrize("metric", OF_LISTINGS)
def test_a_gain_is_the_difference_of_the_metrics(metric: RankingMetric) -> None:
    """By each of the gate's metrics; of ranks the logarithm of the ratio; higher is better."""
    new, old = figures_with(1.0), figures_with(2.0)
    found = compare(new, old, GateConfig(metric=metric))
    values = metrics_of(new), metrics_of(old)
    assert (found.candidate, found.current) == (values[0][metric], values[1][metric])
    assert found.gain == pytest.approx(score(values[0], metric) - score(values[1], metric))
    low, high = found.interval
    assert 0 < low < found.gain < high
    assert found.standard_error == pytest.approx((high - low) / 4, rel=0.2)
    assert (found.held_out, found.decisive <= 60) == (60, True)


@pytest.mark.parametrize("metric", OF_QUERIES)
def test_a_gain_in_queries_is_that_of_the_queries(metric: RankingMetric) -> None:
    """Each query counts once, whatever it was typed for."""
    kind = metric[: len("unseen_queries")] if "queries" in metric else "unseen_products"
    random = np.random.default_rng(0)
    axes = np.eye(12, dtype=np.float32)
    pairs = QueryPairs(
        [f"запрос {n}" for n in range(50)], np.arange(50), np.arange(50) % 12, np.ones(50)
    )
    ranked = RankedQueries(pairs, no_pairs(pairs.texts))

    def figures(noise: float) -> pd.DataFrame:
        query = unit(axes[pairs.row] + noise * random.standard_normal((50, 12)))
        return query_figures(query, axes, ranked, kind)

    new, old = figures(0.2), figures(0.6)
    found = compare(new, old, GateConfig(metric=metric))
    values = metrics_of(new), metrics_of(old)
    assert found.gain == pytest.approx(score(values[0], metric) - score(values[1], metric))
    assert found.held_out == 50
    assert decide(found, GateConfig(metric=metric))[1].count("on 50 held-out queries") == 1


def test_a_metric_of_queries_that_were_not_measured_is_refused() -> None:
    """The error says what to give."""
    measured = Measurement(metrics={}, counts={}, examples=(), figures={"listings": "l.parquet"})
    assert path_of(measured, "mean_mrr").name == "l.parquet"
    with pytest.raises(UserError, match=r"metric is unseen_queries_mrr, .* Give more queries"):
        path_of(measured, "unseen_queries_mrr")


def test_listings_of_a_product_are_one_witness() -> None:
    """Each listing ten times over tells no more than once."""
    new, old = figures_with(1.0), figures_with(1.3)
    once = compare(new, old, GateConfig())
    tenfold = [pd.concat([figures] * 10, ignore_index=True) for figures in (new, old)]
    found = compare(tenfold[0], tenfold[1], GateConfig())
    assert found.interval == pytest.approx(once.interval, rel=1e-4)
    assert (found.held_out, found.decisive) == (once.held_out, once.decisive)


def test_identical_models_and_a_single_product_are_told_apart_from_evidence() -> None:
    """The same model twice is declined; one product cannot tell anything."""
    figures = figures_with(1.0)
    assert decide(compare(figures, figures, GateConfig()), GateConfig())[0] == "declined"
    new, old = figures_with(0.5, products=1), figures_with(3.0, products=1)
    new["text_to_image_rank"], old["text_to_image_rank"] = 1, 9
    assert decide(compare(new, old, GateConfig()), GateConfig())[0] == "cannot tell"


def test_other_rows_are_refused() -> None:
    """Two models must have ranked the same listings in the same order."""
    figures = figures_with(1.0)
    with pytest.raises(ValueError, match="same held-out rows"):
        compare(figures, figures.iloc[::-1], GateConfig())


def gains_of(
    gates: int, products: int, gain: float, metric: RankingMetric, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Simulated gates: gains (rows, gates), the product of each row, and the true gain in recall@1.

    A query's own item scores a standard normal plus the model's skill and what makes the product
    easy or hard for both models; each other item outranks it with the probability that a standard
    normal is higher. A third of the products has two listings, which share their luck.
    """
    random = np.random.default_rng(seed)
    product = np.concatenate([np.arange(products), np.arange(products // 3)])
    shared = random.normal(1.6, 0.8, (products, gates))

    def figures(skill: float) -> list[np.ndarray]:
        luck = random.normal(skill, 0.5, (products, gates))
        ranks = []
        for _direction in range(2):
            own = (shared + luck)[product] + random.normal(0, 0.3, (len(product), gates))
            ranks.append(1 + random.binomial(len(product) - 1, ndtr(-own)))
        return ranks

    def scores(ranks: list[np.ndarray]) -> np.ndarray:
        tables = [
            pd.DataFrame({f"{way}_rank": rank.ravel(), f"{way}_recall_at_1": (rank == 1).ravel()})
            for way, rank in zip(("text_to_image", "image_to_text"), ranks, strict=True)
        ]
        return scores_of(pd.concat(tables, axis=1), metric).reshape(ranks[0].shape)

    new, old = figures(gain), figures(0)
    recall = np.mean([np.mean(rank == 1) for rank in new]) - np.mean(
        [np.mean(rank == 1) for rank in old]
    )
    return scores(new) - scores(old), product, float(recall)


def promoted(gains: np.ndarray, product: np.ndarray, metric: RankingMetric) -> float:
    """The fraction of gates that promote."""
    gate = GateConfig(metric=metric)
    ends = gain_intervals(gains, product, gate.confidence)
    verdicts = [
        decide(
            Comparison(
                metric=metric,
                candidate=1,
                current=1,
                gain=column.mean(),
                interval=(low, high),
                standard_error=error,
                held_out=len(np.unique(product)),
                decisive=int(np.sum(column != 0)),
            ),
            gate,
        )[0]
        for column, (low, high, error) in zip(gains.T, ends, strict=True)
    ]
    return verdicts.count("promoted") / len(verdicts)


@pytest.mark.parametrize("metric", ["mean_geometric_rank", "mean_recall_at_1"])
@pytest.mark.parametrize("products", [12, 100, 500])
def test_equal_models_are_seldom_promoted(products: int, metric: RankingMetric) -> None:
    """Of 1,000 gates between models of equal skill at most 6% promote."""
    gains, product, _ = gains_of(1_000, products, 0, metric, seed=products)
    assert promoted(gains, product, metric) <= 0.06


@pytest.mark.parametrize("different", [2, 5, 10])
def test_models_that_hardly_differ_are_seldom_promoted(different: int) -> None:
    """A few products of 300, each as likely better as worse: at most 6% of 1,000 gates promote."""
    random = np.random.default_rng(different)
    changed = random.random((300, 1_000)) < different / 300
    gains = changed * random.choice([-0.5, 0.5], (300, 1_000))
    assert promoted(gains, np.arange(300), "mean_recall_at_1") <= 0.06


@pytest.mark.parametrize("metric", ["mean_geometric_rank", "mean_recall_at_1"])
def test_a_better_model_is_promoted(metric: RankingMetric) -> None:
    """A true +0.05 in recall@1 on 500 products is promoted in at least 80% of 200 gates."""
    gains, product, recall = gains_of(200, 500, 0.3, metric, seed=1)
    assert recall == pytest.approx(0.05, abs=0.005)
    assert promoted(gains, product, metric) >= 0.8
