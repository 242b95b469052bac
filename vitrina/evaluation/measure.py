"""Measure one model on the held-out rows of a table."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vitrina.catalog.listing_images import IMAGE_COLUMNS
from vitrina.catalog.processed_table import NM, TITLE
from vitrina.catalog.products import column_texts, product_groups
from vitrina.catalog.queries.query_pairs import read_query_pairs
from vitrina.catalog.split import sampled, split_rows
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.queries import QueryUseConfig, SearchQueries
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import SplitConfig
from vitrina.embedding.embedder import Embedder
from vitrina.embedding.listings import embed_listings
from vitrina.errors import UserError
from vitrina.evaluation.aggregate import ZERO_SHOT, metrics_of
from vitrina.evaluation.duplicates import duplicate_figures
from vitrina.evaluation.measurement import LABEL, LISTINGS, ROW, Example, Measured
from vitrina.evaluation.metrics import chance_recall, retrieval_figures
from vitrina.evaluation.probe import Features, linear_probe, probe_rows, zero_shot
from vitrina.evaluation.query_ranks import listing_vectors, query_figures
from vitrina.evaluation.query_sample import QuerySample, choose_queries
from vitrina.model.device import choose
from vitrina.model.model import RuCLIP
from vitrina.store.paths import to_path

logger = logging.getLogger(__name__)

NEAREST = 5  # images of an example query


@dataclass(frozen=True)
class Rows:
    """Positions in the table, int64: held-out rows to rank, and rows that the probe trains on."""

    ranked: np.ndarray
    probe: np.ndarray


def columns_read(config: EvaluateConfig, listing: ListingConfig) -> tuple[str, ...]:
    """The columns of the table that are measured on; others would only take memory."""
    template = TextTemplate.parse(listing.text)
    return (NM, TITLE, *IMAGE_COLUMNS, config.label_column, *template.columns)


@dataclass(frozen=True)
class ListingEmbedder:
    """Embeds rows of a table: their texts and their images."""

    embedder: Embedder
    table: pd.DataFrame
    listing: ListingConfig

    def features(self, rows: np.ndarray) -> Features:
        """The embeddings of these rows."""
        return Features(*embed_listings(self.embedder, self.table.iloc[rows], self.listing))


def measure(
    table: pd.DataFrame,
    model: RuCLIP,
    config: EvaluateConfig,
    split: SplitConfig,
    listing: ListingConfig = BY_TITLE,
    queries: SearchQueries | None = None,
) -> Measured:
    """Retrieval and duplicate metrics, with class labels also linear probe and zero-shot.

    All are measured on the products that ``split`` holds out, on the same rows for every model; of
    ``queries`` also those that they hold out. Raises UserError if no product is held out, or an
    image cannot be read.
    """
    rows = choose_rows(table, config, split)
    group = product_groups(table)[rows.ranked]
    embedder = Embedder(model, choose(config.device), config.batch_size, config.templates)
    listings = ListingEmbedder(embedder, table, listing)
    held_out = listings.features(rows.ranked)
    figures = retrieval_figures(held_out.image, held_out.text, group)
    figures.insert(0, ROW, rows.ranked)
    figures.insert(1, NM, list(column_texts(table.iloc[rows.ranked], NM)))
    figures = pd.concat([figures, _duplicates(held_out, group, config.duplicate_rows)], axis=1)
    counts = {"ranked_rows": len(rows.ranked), "ranked_products": len(np.unique(group))}
    if config.label_column not in table.columns:
        logger.info(
            "evaluate: the table has no column %r, so no linear probe and no zero-shot",
            config.label_column,
        )
    else:
        labels = table[config.label_column].fillna("").astype(str).str.strip().to_numpy(object)
        figures[LABEL] = labels[rows.ranked]
        _zero_shot(embedder, held_out.image, figures)
        if len(rows.probe):
            counts |= _probe(listings, rows, labels, held_out, figures)
    tables = {LISTINGS: figures}
    if queries:
        pairs = read_query_pairs(to_path(queries.path), table[NM], queries.use)
        sample = choose_queries(pairs, len(table), rows.ranked, queries.use, config, split.seed)
        tables |= _of_queries(listings, sample, rows.ranked, held_out, queries.use)
        counts["gallery_rows"] = len(sample.gallery)
        counts |= {kind: len(tables[kind]) for kind in sample.ranked}
    metrics = chance_recall(len(group), group)
    for one in tables.values():
        metrics |= metrics_of(one)
    return Measured(
        metrics=metrics,
        counts=counts,
        examples=tuple(_examples(held_out, group, rows.ranked, config.examples, split.seed)),
        figures=tables,
    )


def choose_rows(table: pd.DataFrame, config: EvaluateConfig, split: SplitConfig) -> Rows:
    """Sample the test rows (the validation rows if there is no test part) and the training rows.

    Raises UserError if no product is held out.
    """
    part_of_row = split_rows(table, split.validation_fraction, split.test_fraction, split.seed)
    part = "test" if split.test_fraction else "validation"
    held_out, training = np.flatnonzero(part_of_row == part), np.flatnonzero(part_of_row == "train")
    if not len(held_out):
        raise UserError(
            "No products are held out, so there is nothing to evaluate on. Set train.test_fraction "
            "above 0, for example 0.1."
        )
    return Rows(
        sampled(held_out, config.max_rows, split.seed),
        sampled(training, config.probe_rows, split.seed),
    )


def _of_queries(
    listings: ListingEmbedder,
    sample: QuerySample,
    ranked: np.ndarray,
    held_out: Features,
    use: QueryUseConfig,
) -> dict[str, pd.DataFrame]:
    """Tables of figures by kind of queries; the held-out rows' features are known already."""
    others = np.setdiff1d(sample.gallery, ranked)
    more = listings.features(others)
    order = np.argsort(np.concatenate([ranked, others]))
    gallery = listing_vectors(
        np.concatenate([held_out.text, more.text])[order],
        np.concatenate([held_out.image, more.image])[order],
        use.query_listing,
    )
    return {
        kind: query_figures(listings.embedder.texts(queries.texts), gallery, queries, kind)
        for kind, queries in sample.ranked.items()
    }


def _duplicates(features: Features, group: np.ndarray, max_rows: int) -> pd.DataFrame:
    """Columns of duplicates by text, by image and by both."""
    kinds = features.kinds()
    kinds["both"] = kinds["both"] / np.float32(np.sqrt(2))  # two unit vectors: unit length again
    return duplicate_figures(kinds, group, max_rows)


def _zero_shot(embedder: Embedder, image: np.ndarray, figures: pd.DataFrame) -> None:
    """Add each labelled image's class by the classes' names, if there are two."""
    labelled = (figures[LABEL] != "").to_numpy()
    classes = sorted(set(figures[LABEL][labelled]))
    if len(classes) >= 2:
        predicted = zero_shot(image[labelled], embedder.texts(classes), classes)
        figures[ZERO_SHOT] = pd.Series(predicted, np.flatnonzero(labelled))


def _probe(
    listings: ListingEmbedder,
    rows: Rows,
    labels: np.ndarray,
    held_out: Features,
    figures: pd.DataFrame,
) -> dict[str, int]:
    """Add the classes that linear probes predict, if the labels suffice; returns row counts."""
    usable = probe_rows(list(labels[rows.probe]), list(labels[rows.ranked]))
    if not usable.enough:
        logger.info(
            "evaluate: no linear probe, because fewer than two classes have enough training rows, "
            "or no held-out row is of one"
        )
        return usable.counts
    train = rows.probe[usable.train]
    predicted = linear_probe(
        listings.features(train),
        list(labels[train]),
        Features(held_out.text[usable.test], held_out.image[usable.test]),
    )
    for name, classes in predicted.items():
        figures[name] = pd.Series(classes, np.flatnonzero(usable.test))
    return usable.counts


def _examples(
    features: Features, group: np.ndarray, rows: np.ndarray, count: int, seed: int
) -> list[Example]:
    """The nearest images of ``count`` titles, each of another product, sampled by the seed."""
    _, first = np.unique(group, return_index=True)
    queries = np.random.default_rng(seed).permutation(np.sort(first))[:count]
    cosines = features.text[queries] @ features.image.T
    examples = []
    for query, cosine in zip(queries, cosines, strict=True):
        order = np.argsort(-cosine, kind="stable")
        relevant = group[order] == group[query]
        nearest = order[:NEAREST]
        examples.append(
            Example(
                row=int(rows[query]),
                rank=int(np.argmax(relevant)) + 1,
                nearest=tuple(rows[nearest].tolist()),
                relevant=tuple(relevant[:NEAREST].tolist()),
                cosine=tuple(cosine[nearest].round(4).tolist()),
            )
        )
    return examples
