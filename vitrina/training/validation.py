"""Retrieval metrics on held-out rows during training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vitrina.catalog.products import product_groups
from vitrina.catalog.queries.query_pairs import no_pairs
from vitrina.catalog.split import sampled
from vitrina.config.parameters import RankingMetric
from vitrina.config.queries import ListingKind
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.evaluation.aggregate import query_metrics_of, retrieval_metrics_of
from vitrina.evaluation.comparison import score
from vitrina.evaluation.measurement import DEPTHS, UNSEEN_PRODUCTS, Metrics
from vitrina.evaluation.metrics import retrieval_figures
from vitrina.evaluation.query_ranks import (
    RankedQueries,
    listing_vectors,
    query_figures,
)
from vitrina.evaluation.query_sample import sampled_queries
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import tokenize
from vitrina.training.chunked_features import chunked_text_features, listing_image_features
from vitrina.training.data.pairs import Pairs, pairs_from
from vitrina.training.data.pixels import Pixels
from vitrina.training.data.queries import TrainingQueries, within
from vitrina.training.distributed import World
from vitrina.training.frozen_features import image_features, text_features
from vitrina.training.towers import TrainingTowers


@dataclass(frozen=True)
class HeldOut:
    """Rows to validate on, and their products: rows of one group are relevant to each other.

    ``queries`` are those that the rows were chosen for, if there are any.
    """

    pairs: Pairs
    groups: np.ndarray  # int64 (rows,)
    queries: RankedQueries | None = None
    query_listing: ListingKind = "mix"  # what queries are compared with


def held_out_rows(
    table: pd.DataFrame,
    rows: int,
    seed: int,
    listing: ListingConfig = BY_TITLE,
    queries: TrainingQueries | None = None,
) -> HeldOut:
    """A sample of at most ``rows`` rows of a table, fixed by the seed, in the table's order.

    The product groups are those of the whole table, as in the evaluation: two rows that a third one
    joins are one product even if the third is not in the sample.
    """
    chosen = sampled(np.arange(len(table)), rows, seed)
    held_out = HeldOut(pairs_from(table.iloc[chosen], listing), product_groups(table)[chosen])
    if queries is None:
        return held_out
    relevant = sampled_queries(within(queries.held_out, chosen), rows, seed)
    if not len(relevant):
        return held_out
    ranked = RankedQueries(relevant, no_pairs(relevant.texts))
    return replace(held_out, queries=ranked, query_listing=queries.use.query_listing)


def check_select_by(config: TrainConfig, held_out: HeldOut) -> None:
    """Raise UserError if the metric that chooses the epoch needs queries, and there are none."""
    if config.select_by.startswith(UNSEEN_PRODUCTS) and not held_out.queries:
        raise UserError(
            f"select_by is {config.select_by}, but no query is for a validation listing. Give "
            "--queries, hold out more products (validation_fraction), or choose another metric."
        )


@dataclass(frozen=True)
class Validated:
    """A validation: its metrics, and its table of figures, a row per held-out listing.

    The metrics of queries have no figures.
    """

    metrics: Metrics
    figures: pd.DataFrame


def better(new: Metrics, old: Metrics, select_by: RankingMetric) -> bool:
    """Whether one validation beats another by a metric; mean reciprocal rank breaks ties."""
    one, other = ((score(metrics, select_by), metrics["mean_mrr"]) for metrics in (new, old))
    return one > other


class Validation:
    """Measures how well the texts and images of held-out rows find each other."""

    def __init__(self, rows: HeldOut, pixels: Pixels, model: RuCLIP, world: World) -> None:
        self.groups, self.pixels, self.world = rows.groups, pixels, world
        self.images = rows.pairs.images
        self.ids = tokenize(model.tokenizer, rows.pairs.texts())
        self.queries, self.query_listing = rows.queries, rows.query_listing
        self.query_ids = tokenize(model.tokenizer, rows.queries.texts) if rows.queries else []
        self._frozen: Tensor | None = None

    def run(self, towers: TrainingTowers, device: torch.device) -> Validated:
        """Retrieval metrics of the towers; every listing of a text's product is relevant to it.

        A listing with several images has the mean of their features.

        ``mean_recall`` is the mean of recall at 1, 5 and 10 in both directions. The processes share
        the work, and each returns all metrics.
        """
        image, text = self.features(towers, device)
        figures = retrieval_figures(image, text, self.groups)
        metrics = retrieval_metrics_of(figures)
        recalls = [metrics[f"mean_recall_at_{depth}"] for depth in DEPTHS]
        metrics["mean_recall"] = float(np.mean(recalls))
        if self.queries:
            gallery = listing_vectors(text, image, self.query_listing)
            query = self._of_texts(towers, self.query_ids, device)
            found = query_figures(query, gallery, self.queries, UNSEEN_PRODUCTS)
            metrics |= query_metrics_of(found, UNSEEN_PRODUCTS)
        return Validated(metrics, figures)

    def features(
        self, towers: TrainingTowers, device: torch.device
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features of all images and texts, each float32 (rows, dim) of unit length."""
        rows = len(self.groups)
        own = range(rows)[self.world.local_slice(rows)]
        image = self.world.gather(self._image(towers, own, device).to(device), rows)
        return image.cpu().numpy(), self._of_texts(towers, self.ids, device)

    def _of_texts(
        self, towers: TrainingTowers, ids: Sequence[list[int]], device: torch.device
    ) -> np.ndarray:
        """Features of all texts, of which each process computes its part."""
        own = ids[self.world.local_slice(len(ids))]
        part = chunked_text_features(
            towers, own, lambda padded: text_features(towers, padded, device)
        )
        found: np.ndarray = self.world.gather(part.to(device), len(ids)).cpu().numpy()
        return found

    def _image(self, towers: TrainingTowers, own: range, device: torch.device) -> Tensor:
        if self._frozen is not None:
            return self._frozen
        features = listing_image_features(
            towers,
            self.images,
            own,
            lambda images: image_features(towers, self.pixels.stack(images), device),
        )
        if towers.frozen == "image":
            self._frozen = features
        return features
