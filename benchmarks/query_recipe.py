"""What training on queries is worth on queries that were never seen, and on titles and images.

Relevance is the demo's own: how well a listing fits what was asked for, not what was clicked. One
kind of query, those with a typo, is in no training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.trial import (
    FROM_SCRATCH,
    base_model,
    features,
    split_of,
    text_vectors,
    trained,
)
from vitrina.catalog.processed_table import NM
from vitrina.catalog.queries.clean_queries import clean_queries
from vitrina.catalog.queries.query_pairs import (
    QueryPairs,
    is_test_query,
    no_pairs,
    read_query_pairs,
)
from vitrina.config.queries import ListingKind, QueryTableConfig, QueryUseConfig
from vitrina.config.training import TrainConfig
from vitrina.demo.catalog import Shop
from vitrina.demo.flaws import plan_flaws
from vitrina.demo.queries import QUERIES, Query, grades, typed_queries
from vitrina.evaluation.bootstrap import REPLICATES, percentile_interval, product_weights
from vitrina.evaluation.metrics import retrieval_figures
from vitrina.evaluation.query_ranks import (
    RankedQueries,
    listing_vectors,
    query_figures,
)
from vitrina.model.model import RuCLIP
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.paths import to_path
from vitrina.training.data.queries import TrainingQueries, training_queries

CATALOG = "catalog.parquet"
FLAW_SHARE = 0.05  # of draw_catalog
HELD_OUT_KIND = "typo"
# Seeds change weights and order, not what is held out: so queries are compared in pairs.
SPLIT_SEED = 0
UNSEEN, TYPOS = "unseen queries", "unseen kind (typos)"
FORMS: tuple[ListingKind, ...] = ("mix", "text", "image")  # of query_listing
DEFAULT: Mapping[str, Mapping[str, Any]] = {"queries (the default)": {}}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **DEFAULT,
    "query_share 0.25": {"query_share": 0.25},
    "query_share 0.75": {"query_share": 0.75},
    "query_share 1": {"query_share": 1},
    "query_listing: text": {"query_listing": "text"},
    "query_listing: image": {"query_listing": "image"},
    "query_weights: linear": {"query_weights": "linear"},
    "query_weights: equal": {"query_weights": "equal"},
}


@dataclass(frozen=True)
class Asked:
    """The demo's queries, and how well each row of the table fits each of them."""

    queries: Sequence[Query]
    grade: np.ndarray  # int64 (queries, rows)

    def ranked(self, chosen: np.ndarray) -> RankedQueries:
        """Some of the queries with all rows that fit."""
        texts = [query.text for query in self.queries]
        query, row = np.nonzero(self.grade * chosen[:, None])
        grade = self.grade[query, row].astype(np.float64)
        return RankedQueries(QueryPairs(texts, query, row, grade), no_pairs(texts))


def queries(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """Titles alone, and with queries as the defaults have them."""
    return _compared(table, folder, seeds, DEFAULT)


def query_options(table: pd.DataFrame, folder: Path, seeds: range) -> str:
    """The same with one option of queries changed at a time."""
    return _compared(table, folder, seeds, OPTIONS)


def _compared(
    table: pd.DataFrame, folder: Path, seeds: range, variants: Mapping[str, Mapping[str, Any]]
) -> str:
    """nDCG@10 of unseen queries, and recall of titles and images.

    All queries are ranked on the whole table. Intervals are of the gain over the best of titles
    alone, by bootstrap over queries, over products for recall.
    """
    split, truth = split_of(table, SPLIT_SEED), asked(folder, table)
    is_typo = np.array([query.kind == HELD_OUT_KIND for query in truth.queries])
    texts = [query.text for query in truth.queries]
    is_test = is_test_query(texts, QueryUseConfig(), SPLIT_SEED)
    kinds = {UNSEEN: truth.ranked(is_test & ~is_typo), TYPOS: truth.ranked(is_typo)}
    found: dict[str, list[Measured]] = {}
    for seed in seeds:
        base = base_model(table, folder, seed)
        config = TrainConfig(**FROM_SCRATCH, seed=seed)
        titles = trained(table, split, base, config)
        trials = [
            (f"titles only, listing: {form}", titles, QueryUseConfig(query_listing=form))
            for form in FORMS
        ]
        for name, changes in variants.items():
            use = QueryUseConfig(**changes)
            learned = learn_from(folder, table, split, use)
            trials.append((name, trained(table, split, base, config, queries=learned), use))
        for name, model, use in trials:
            found.setdefault(name, []).append(measure(model, table, split, kinds, use))
            print(f"    {name}: {found[name][-1].summary()}", flush=True)
    return _table(found, table[split == "test"])


@dataclass(frozen=True)
class Measured:
    """nDCG@10 of each query by kind, recall@1 of each test row, float64."""

    ndcg: Mapping[str, np.ndarray]
    recall: np.ndarray

    def summary(self) -> str:
        """The means."""
        of_queries = [f"{kind} {values.mean():.3f}" for kind, values in self.ndcg.items()]
        return ", ".join([*of_queries, f"title ↔ image @1 {self.recall.mean():.3f}"])


def measure(
    model: RuCLIP,
    table: pd.DataFrame,
    split: np.ndarray,
    kinds: Mapping[str, RankedQueries],
    use: QueryUseConfig,
) -> Measured:
    """Rank the whole table for the queries, and titles and images of the test rows."""
    image, text = features(model, table)
    gallery = listing_vectors(text, image, use.query_listing)
    ndcg = {}
    for kind, ranked in kinds.items():
        of_queries = query_figures(text_vectors(model, ranked.texts), gallery, ranked, "of")
        ndcg[kind] = of_queries["of_ndcg_at_10"].to_numpy()
    test = split == "test"
    groups = table[test].groupby("title").ngroup().to_numpy()
    figures = retrieval_figures(image[test], text[test], groups)
    recall = (figures["text_to_image_recall_at_1"] + figures["image_to_text_recall_at_1"]) / 2
    return Measured(ndcg, recall.to_numpy())


def learn_from(
    folder: Path, table: pd.DataFrame, split: np.ndarray, use: QueryUseConfig
) -> TrainingQueries:
    """The demo's clicks, without the held-out kind of query."""
    pairs = clicked(folder, table, use)
    train, validation = (np.flatnonzero(split == name) for name in ("train", "validation"))
    return training_queries(pairs, train, validation, use, SPLIT_SEED)


def _table(found: Mapping[str, list[Measured]], test: pd.DataFrame) -> str:
    lines = [
        f"| | nDCG@10, {UNSEEN} | gain | nDCG@10, {TYPOS} | gain | title ↔ image @1 | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    titles = max(list(found.values())[: len(FORMS)], key=_mean_of_unseen)
    groups = test.groupby("title").ngroup().to_numpy()
    for name, ones in found.items():
        cells = []
        for kind in (UNSEEN, TYPOS):
            new, old = (np.mean([one.ndcg[kind] for one in of], axis=0) for of in (ones, titles))
            cells += [_spread([one.ndcg[kind].mean() for one in ones]), _gain(new, old)]
        new, old = (np.mean([one.recall for one in of], axis=0) for of in (ones, titles))
        cells += [_spread([one.recall.mean() for one in ones]), _difference(new - old, groups)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean_of_unseen(ones: Sequence[Measured]) -> float:
    return float(np.mean([one.ndcg[UNSEEN].mean() for one in ones]))


def _spread(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.3f}"


def _gain(new: np.ndarray, old: np.ndarray) -> str:
    """The relative gain in percent with its 95% interval."""
    weights = np.concatenate(list(product_weights(np.arange(len(new)), REPLICATES)))
    low, high = percentile_interval((weights @ new) / (weights @ old) - 1, len(new))
    return f"{new.mean() / old.mean() - 1:+.0%} ({low:+.0%} to {high:+.0%})"


def _difference(difference: np.ndarray, groups: np.ndarray) -> str:
    weights = np.concatenate(list(product_weights(groups, REPLICATES)))
    samples = (weights @ difference) / weights.sum(axis=1)
    low, high = percentile_interval(samples, len(np.unique(groups)))
    return f"{difference.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def asked(folder: Path, table: pd.DataFrame, seed: int = 0) -> Asked:
    """What the demo's shop is asked for, with the truth that clicks only hint at."""
    products = pq.read_metadata(drawn_file(folder, CATALOG)).num_rows
    shop = Shop(seed, plan_flaws(products, FLAW_SHARE, seed))
    rows, offers = shop.offers(products)
    place = {nm: index for index, nm in enumerate(offers.nm)}
    order = [place[int(nm)] for nm in table[NM]]
    columns = {name: values[order] for name, values in offers.columns().items()}
    typed = typed_queries(len(rows), lambda index: shop.listing(rows[index]).goods, seed)
    found = [query for _, query in typed]
    return Asked(found, np.stack([grades(query.wants, columns) for query in found]))


def clicked(folder: Path, table: pd.DataFrame, use: QueryUseConfig) -> QueryPairs:
    """The demo's clicks, without the kind of query that is held out."""
    raw = pd.read_parquet(drawn_file(folder, QUERIES))
    raw[raw["query_kind"] != HELD_OUT_KIND].to_parquet(folder / "clicked.parquet")
    table.to_parquet(folder / "table.parquet")
    cleaned, _ = clean_queries(
        to_path(folder / "clicked.parquet"),
        to_path(folder / "table.parquet"),
        Artifact(to_path(folder / "cleaned")),
        QueryTableConfig(),
    )
    return read_query_pairs(to_path(cleaned.table.path), table[NM], use)


def drawn_file(folder: Path, name: str) -> Path:
    """A file of the demo that was drawn into the folder."""
    drawn = Store(root=str(folder / "demo")).latest("demo")
    assert drawn is not None
    return Path(drawn.path.path) / name
