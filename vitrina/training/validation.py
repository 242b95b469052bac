"""Retrieval metrics on held-out rows during training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vitrina.catalog.products import product_groups
from vitrina.catalog.split import sampled
from vitrina.config.parameters import RankingMetric
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.embedding.mean_vectors import mean_vectors
from vitrina.evaluation.aggregate import retrieval_metrics_of
from vitrina.evaluation.comparison import score
from vitrina.evaluation.measurement import DEPTHS, Metrics
from vitrina.evaluation.metrics import retrieval_figures
from vitrina.model.model import RuCLIP
from vitrina.model.text_input import pad
from vitrina.model.tokenize import tokenize
from vitrina.training.data.pairs import Pairs, pairs_from
from vitrina.training.data.pixels import Pixels
from vitrina.training.distributed import World
from vitrina.training.frozen_features import image_features, joined_features, text_features
from vitrina.training.towers import TrainingTowers

CHUNK = 64


@dataclass(frozen=True)
class HeldOut:
    """Rows to validate on, and their products: rows of one group are relevant to each other."""

    pairs: Pairs
    groups: np.ndarray  # int64 (rows,)


def held_out_rows(
    table: pd.DataFrame, rows: int, seed: int, listing: ListingConfig = BY_TITLE
) -> HeldOut:
    """A sample of at most ``rows`` rows of a table, fixed by the seed, in the table's order.

    The product groups are those of the whole table, as in the evaluation: two rows that a third one
    joins are one product even if the third is not in the sample.
    """
    chosen = sampled(np.arange(len(table)), rows, seed)
    return HeldOut(pairs_from(table.iloc[chosen], listing), product_groups(table)[chosen])


@dataclass(frozen=True)
class Validated:
    """A validation: its metrics, and its table of figures, a row per held-out listing."""

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
        self._frozen: Tensor | None = None

    def run(self, towers: TrainingTowers, device: torch.device) -> Validated:
        """Retrieval metrics of the towers; every listing of a text's product is relevant to it.

        A listing with several images has the mean of their features.

        ``mean_recall`` is the mean of recall at 1, 5 and 10 in both directions. The processes share
        the work, and each returns all metrics.
        """
        figures = retrieval_figures(*self.features(towers, device), self.groups)
        metrics = retrieval_metrics_of(figures)
        recalls = [metrics[f"mean_recall_at_{depth}"] for depth in DEPTHS]
        return Validated({**metrics, "mean_recall": float(np.mean(recalls))}, figures)

    def features(
        self, towers: TrainingTowers, device: torch.device
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features of all images and texts, each float32 (rows, dim) of unit length."""
        rows = len(self.groups)
        own = range(rows)[self.world.local_slice(rows)]
        texts = [text_features(towers, self._texts(chunk), device) for chunk in _chunks(own)]
        image, text = (
            self.world.gather(features.to(device), rows).cpu().numpy()
            for features in (self._image(towers, own, device), joined_features(texts, towers))
        )
        return image, text

    def _image(self, towers: TrainingTowers, own: range, device: torch.device) -> Tensor:
        if self._frozen is not None:
            return self._frozen
        images, starts = self.images.of(own)
        chunks = [
            image_features(towers, self.pixels.stack(images[chunk].tolist()), device)
            for chunk in _chunks(range(len(images)))
        ]
        each = joined_features(chunks, towers)
        features = torch.from_numpy(mean_vectors(each.numpy(), starts))
        if towers.frozen == "image":
            self._frozen = features
        return features

    def _texts(self, rows: Sequence[int]) -> Tensor:
        return pad([self.ids[row] for row in rows])


def _chunks(rows: range) -> list[range]:
    return [rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK)]
