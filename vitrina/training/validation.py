"""Recall on held-out rows while a model is being trained."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vitrina.catalog.products import product_groups
from vitrina.catalog.split import sampled
from vitrina.evaluation.metrics import DEPTHS, retrieval_metrics
from vitrina.model.model import RuCLIP
from vitrina.model.tokenize import pad, tokenize
from vitrina.training.data.pairs import Pairs, pairs_from
from vitrina.training.data.pixels import Pixels
from vitrina.training.distributed import World
from vitrina.training.frozen_features import image_features, text_features
from vitrina.training.towers import TrainingTowers

CHUNK = 64
Metrics = dict[str, float]


@dataclass(frozen=True)
class HeldOut:
    """Rows to validate on, and their products: rows of one group are right for each other."""

    pairs: Pairs
    groups: np.ndarray  # int64 (rows,)


def held_out_rows(table: pd.DataFrame, rows: int, seed: int) -> HeldOut:
    """At most ``rows`` rows of a table, the same for a seed, in the table's order.

    The groups are those of the whole table, as the evaluation counts them: two rows that a third
    one joins are one product though the third is not among them.
    """
    chosen = sampled(np.arange(len(table)), rows, seed)
    return HeldOut(pairs_from(table.iloc[chosen]), product_groups(table)[chosen])


def better(one: Metrics, other: Metrics) -> bool:
    """Whether one validation beats another: by mean recall, ties by mean reciprocal rank."""
    return (one["mean_recall"], one["mean_mrr"]) > (other["mean_recall"], other["mean_mrr"])


class Validation:
    """Held-out rows, and how well their texts and images find each other."""

    def __init__(self, rows: HeldOut, pixels: Pixels, model: RuCLIP, world: World) -> None:
        self.groups, self.pixels, self.world = rows.groups, pixels, world
        self.ids = tokenize(model.tokenizer, rows.pairs.title.tolist())
        self._frozen: Tensor | None = None

    def run(self, towers: TrainingTowers, device: torch.device) -> Metrics:
        """Retrieval figures of the towers as they are; each image of a product counts as right.

        ``mean_recall`` is the mean of recall at 1, 5 and 10 both ways. The processes share the
        work, and each gets the figures.
        """
        rows = len(self.groups)
        own = range(rows)[self.world.local_slice(rows)]
        image = self._image(towers, own, device)
        text = torch.cat([text_features(towers, self._texts(one), device) for one in _parts(own)])
        everything = [
            self.world.gather(one.to(device), rows).cpu().numpy() for one in (image, text)
        ]
        metrics = retrieval_metrics(everything[0], everything[1], self.groups)
        recalls = [metrics[f"mean_recall_at_{depth}"] for depth in DEPTHS]
        return {**metrics, "mean_recall": float(np.mean(recalls))}

    def _image(self, towers: TrainingTowers, own: range, device: torch.device) -> Tensor:
        if self._frozen is not None:
            return self._frozen
        parts = [image_features(towers, self.pixels.stack(one), device) for one in _parts(own)]
        features = torch.cat(parts)
        if towers.frozen == "image":
            self._frozen = features
        return features

    def _texts(self, rows: Sequence[int]) -> Tensor:
        return pad([self.ids[row] for row in rows])


def _parts(rows: range) -> list[range]:
    return [rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK)]
