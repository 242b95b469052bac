"""Mining: the listings that the current model confuses, and an order that puts them together."""

import logging

import numpy as np
from torch import Tensor

from vitrina.catalog.queries.query_pairs import QueryPairs
from vitrina.model.tokenize import tokenize
from vitrina.training.chunked_features import chunked_text_features, listing_image_features
from vitrina.training.data import sampler
from vitrina.training.data.batches import BatchDataset, MinedOrder
from vitrina.training.frozen_features import image_features, text_features
from vitrina.training.hard_negatives.false_negatives import REASONS, KnownMatches
from vitrina.training.hard_negatives.groups import groups_of_neighbours
from vitrina.training.hard_negatives.neighbours import NONE, Neighbours, find_neighbours
from vitrina.training.hard_negatives.order import grouped_order
from vitrina.training.learner import Learner

NEIGHBOURS = 32  # of a listing, from which groups are made
GROUP = 8  # listings at most

logger = logging.getLogger(__name__)


class Miner:
    """Decides the order of each epoch by the model at its start.

    It is the same in every process: they share the work and exchange vectors and neighbours. With
    n rows it takes 8 × dim × n bytes for the vectors, about 500 × n for the neighbours, and 100 MB.
    """

    def __init__(self, batches: BatchDataset, queries: QueryPairs | None = None) -> None:
        self.batches = batches
        self.matches = KnownMatches.of(batches.pairs.groups, queries)

    def mine(self, epoch: int, learner: Learner) -> MinedOrder:
        """The order of an epoch: a pure function of its number, the seed and the weights."""
        config, count = self.batches.config, len(self.batches.pairs)
        random = np.random.default_rng((config.seed, epoch))
        rows = np.arange(count)
        if count > config.hard_negative_rows:
            rows = np.sort(random.choice(rows, config.hard_negative_rows, replace=False))
        found = self._neighbours(rows, learner)
        order = grouped_order(
            (rows[group] for group in groups_of_neighbours(found.nearest.numpy(), GROUP, random)),
            sampler.batch_sizes(count, self.batches.per_epoch),
            config.hard_negatives,
            random,
        )
        _log(epoch, found)
        return MinedOrder(epoch, order)

    def _neighbours(self, rows: sampler.Indices, learner: Learner) -> Neighbours:
        """Those of some rows, on the CPU; each process finds them for its part."""
        world, count = self.batches.world, len(rows)
        own = world.local_slice(count)
        image, text = (
            world.gather(part.to(learner.device), count)
            for part in self._features(rows[own], learner)
        )
        found = find_neighbours(image, text, self.matches.part(rows), NEIGHBOURS, own)
        kept_out = world.gather(found.kept_out[None], world.size).sum(dim=0)
        return Neighbours(world.gather(found.nearest, count).cpu(), kept_out.cpu())

    def _features(self, rows: sampler.Indices, learner: Learner) -> tuple[Tensor, Tensor]:
        """Features of images and texts, each float32 (rows, dim); a frozen tower's are known."""
        batches, towers, device = self.batches, learner.towers, learner.device
        images, texts = learner.frozen_images, learner.frozen_texts
        return (
            listing_image_features(
                towers,
                batches.pairs.images,
                rows.tolist(),
                lambda some: (
                    images.features[some]
                    if images
                    else image_features(towers, batches.pixels.stack(some), device)
                ),
            ),
            chunked_text_features(
                towers,
                tokenize(batches.tokenizer, [batches.pairs.text(row) for row in rows.tolist()]),
                lambda ids: texts.of(ids) if texts else text_features(towers, ids, device),
            ),
        )


def _log(epoch: int, found: Neighbours) -> None:
    kept_out = ", ".join(
        f"{count:,} {reason}"
        for reason, count in zip(REASONS, found.kept_out.tolist(), strict=True)
        if count
    )
    logger.info(
        "train: hard negatives of epoch %d: %s neighbours of %s listings; nearer ones kept out: %s",
        epoch + 1,
        f"{int((found.nearest != NONE).sum()):,}",
        f"{len(found.nearest):,}",
        kept_out or "none",
    )
