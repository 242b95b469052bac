"""The batches of a training by step number; a batch is the same in any process.

Order, texts, images and augmentation follow from the seed, the epoch and the row; with hard
negatives the order also from the model. Neither the number of worker processes nor a restart in
mid-epoch changes a batch.
"""

import functools
import multiprocessing
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vitrina.config.training import TrainConfig
from vitrina.execution.cpu_count import cpu_count
from vitrina.model.model import RuCLIP
from vitrina.model.text_input import pad
from vitrina.model.tokenize import tokenize
from vitrina.model.untrained import is_untrained
from vitrina.training.data import augment, sampler
from vitrina.training.data.pairs import Pairs, left_out, training_text
from vitrina.training.data.pixels import Pixels
from vitrina.training.data.queries import NONE, QuerySampler
from vitrina.training.distributed import World

# Separate random streams, so that one choice does not shift the other.
TEXT, IMAGE, FIRST_IMAGE, FIELDS, QUERY = 1, 2, 3, 4, 5
MAX_WORKERS = 8


class QueryBatch(NamedTuple):
    """A query for each row of a step: ids of this process's part, the rest of the whole batch."""

    ids: Tensor  # int64 (part, longest query); an empty text where a row has no query
    weights: Tensor  # float32 (batch,): 0 where a row has no query
    relevant: Tensor  # bool (batch, batch): whether a listing (column) is relevant to a query


class MinedOrder(NamedTuple):
    """The order of an epoch, from 0, that a model decided: int64 (rows,)."""

    epoch: int
    rows: sampler.Indices


class Batch(NamedTuple):
    """One step: pixels and ids of this process's part, and what the whole batch is of."""

    pixels: Tensor  # uint8 (part, 3, R, R); empty, (0,), if the image tower is frozen
    ids: Tensor  # int64 (part, longest text)
    rows: Tensor  # int64 (batch,): indices of the pairs
    images: Tensor  # int64 (batch,): the image of each pair, among those of all rows
    products: Tensor  # int64 (batch, 2): keys of title and image; an equal one is the same product
    queries: "QueryBatch | None" = None


class BatchDataset(Dataset[Batch]):
    """The batches of all epochs by global step, from 0.

    It can be pickled to worker processes; each has its own copy of the texts, and all read images
    from the same cache.
    """

    def __init__(
        self,
        pairs: Pairs,
        pixels: Pixels,
        model: RuCLIP,
        config: TrainConfig,
        world: World,
        queries: QuerySampler | None = None,
    ) -> None:
        self.pairs, self.pixels, self.tokenizer = pairs, pixels, model.tokenizer
        self.config, self.world, self.queries = config, world, queries
        self.augments = augments(config, model)
        self.mined: MinedOrder | None = None  # with hard negatives: the order of one epoch
        self.per_epoch = sampler.steps_per_epoch(len(pairs), config.batch_size)
        self.order = functools.lru_cache(maxsize=2)(self._order)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "order"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.order = functools.lru_cache(maxsize=2)(self._order)

    def use_order(self, mined: MinedOrder) -> None:
        """Take the rows of one epoch in this order."""
        self.mined = mined
        self.order.cache_clear()

    def __len__(self) -> int:
        return self.per_epoch * self.config.num_epochs

    def __getitem__(self, step: int) -> Batch:
        epoch, within = divmod(step, self.per_epoch)
        rows = sampler.batch(self.order(epoch), within, self.per_epoch)
        images = [self._image(row, epoch) for row in rows.tolist()]
        part = self.world.local_slice(len(rows))
        own = rows[part].tolist()
        return Batch(
            pixels=self._pixels(own, images[part], epoch),
            ids=pad(tokenize(self.tokenizer, [self._text(row, epoch) for row in own])),
            rows=torch.from_numpy(rows),
            images=torch.tensor(images),
            products=torch.from_numpy(self.pairs.products[rows]),
            queries=self._queries(self.queries, rows, epoch) if self.queries else None,
        )

    def _queries(self, queries: QuerySampler, rows: sampler.Indices, epoch: int) -> QueryBatch:
        drawn = [queries.draw(row, self._random(epoch, row, QUERY)) for row in rows.tolist()]
        own = drawn[self.world.local_slice(len(rows))]
        texts = ["" if query == NONE else queries.texts[query] for query in own]
        return QueryBatch(
            ids=pad(tokenize(self.tokenizer, texts)),
            weights=torch.from_numpy(queries.weights(rows)),
            relevant=torch.from_numpy(queries.relevant(np.array(drawn), rows)),
        )

    def _order(self, epoch: int) -> sampler.Indices:
        if self.config.hard_negatives:
            if self.mined is None or self.mined.epoch != epoch:
                raise LookupError(f"the hard negatives of epoch {epoch} are not mined")
            return self.mined.rows
        if self.config.same_products == "spread":
            return sampler.spread(self.pairs.groups, self.config.seed, epoch)
        return sampler.shuffled(len(self.pairs), self.config.seed, epoch)

    def _random(self, epoch: int, row: int, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.config.seed, epoch, row, stream))

    def _text(self, row: int, epoch: int) -> str:
        text, description = self._listing_text(row, epoch), str(self.pairs.description.iat[row])
        return training_text(text, description, self.config, self._random(epoch, row, TEXT))

    def _listing_text(self, row: int, epoch: int) -> str:
        dropout, columns = self.config.field_dropout, self.pairs.fields.keys()
        if not dropout:
            return self.pairs.text(row)
        random = self._random(epoch, row, FIELDS)
        return self.pairs.text(row, left_out(columns, dropout, random))

    def _image(self, row: int, epoch: int) -> int:
        """The position of the image that a listing shows in an epoch: each in turn."""
        first, end = map(int, self.pairs.images.starts[row : row + 2])
        if end - first == 1:
            return first
        start = int(self._random(0, row, FIRST_IMAGE).integers(end - first))
        return first + (start + epoch) % (end - first)

    def _pixels(self, rows: Sequence[int], images: Sequence[int], epoch: int) -> Tensor:
        if self.config.freeze == "image":
            return torch.empty(0, dtype=torch.uint8)
        if not self.augments:
            return self.pixels.stack(images)
        return torch.stack(
            [
                augment.light(self.pixels[image], self._random(epoch, row, IMAGE))
                for row, image in zip(rows, images, strict=True)
            ]
        )


def augments(config: TrainConfig, model: RuCLIP) -> bool:
    """Whether images are augmented: ``auto`` does so for a model that was never trained."""
    if config.augment == "auto":
        return config.freeze != "image" and is_untrained(model.clip)
    return config.augment == "light"


def loader(
    dataset: Dataset[Batch], steps: Sequence[int], workers: int, *, pin: bool = False
) -> Iterable[Batch]:
    """The batches of these steps in order, prefetched by worker processes if there are any.

    The workers are forked from a server process without threads. Forked from this process, they
    would inherit any lock that one of its threads (Prefect's, the S3 client's) holds just then.
    """
    context = None
    if workers:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])  # imports torch once, not in each worker
    return DataLoader(
        dataset,
        batch_size=None,  # a step is a batch already
        sampler=steps,
        num_workers=workers,
        multiprocessing_context=context,
        pin_memory=pin,
    )


def worker_count(num_workers: int, device: torch.device) -> int:
    """Loader processes: ``num_workers``, or at -1 one per core with a GPU and none on a CPU."""
    if num_workers >= 0:
        return num_workers
    return min(MAX_WORKERS, cpu_count()) if device.type == "cuda" else 0
