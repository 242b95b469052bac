"""The model in training: its towers and optimiser, one optimiser step, its checkpointed state."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vitrina.config.queries import QueryUseConfig
from vitrina.config.training import TrainConfig
from vitrina.model.model import RuCLIP
from vitrina.training import gradcache
from vitrina.training.checkpoints import Progress, on_cpu
from vitrina.training.data.batches import Batch, MinedOrder, QueryBatch
from vitrina.training.data.pixels import Pixels
from vitrina.training.distributed import World
from vitrina.training.ema import MovingAverage
from vitrina.training.frozen_features import FrozenImageFeatures, FrozenTextFeatures
from vitrina.training.loss import (
    MAX_LOGIT_SCALE,
    contrastive_loss,
    listing_features,
    nested_loss,
    query_loss,
    same_product,
)
from vitrina.training.optimizer import make_optimizer, set_learning_rate
from vitrina.training.schedule import learning_rate
from vitrina.training.towers import TrainingTowers
from vitrina.training.wise_ft import Weights


class Learner:
    """Trains ``model.clip`` in place; resumed from :meth:`content`, it ends with equal weights.

    ``consistent`` is False while an optimiser step is half done.
    """

    def __init__(
        self,
        model: RuCLIP,
        config: TrainConfig,
        steps: int,
        device: torch.device,
        world: World,
        queries: QueryUseConfig | None = None,
    ) -> None:
        self.config, self.steps, self.device, self.world = config, steps, device, world
        self.queries = queries
        self.progress = Progress()
        self.consistent = True
        self.lengths = (*config.matryoshka, model.embed_dim)
        self.towers = TrainingTowers(model, config, device)
        self.clip = self.towers.clip
        self.shared = world.wrap(self.towers)
        self.optimizer = make_optimizer(self.clip, config)
        self.average = MovingAverage(self.clip, config.ema_decay) if config.ema_decay else None
        self.order: MinedOrder | None = None  # with hard negatives: that of the current epoch
        self.frozen_images: FrozenImageFeatures | None = None
        self.frozen_texts: FrozenTextFeatures | None = None

    def compute_frozen(self, pixels: Pixels) -> None:
        """Compute a frozen image tower's features, or get ready to compute a text tower's."""
        if self.config.freeze == "image":
            self.frozen_images = FrozenImageFeatures(self.towers, pixels, self.device, self.world)
        if self.config.freeze == "text":
            self.frozen_texts = FrozenTextFeatures(self.towers, self.device)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return learning_rate(self.progress.step, self.steps, self.config.warmup, self.config.lr)

    @property
    def logit_scale(self) -> float:
        """The factor of the cosines, the exponential of the parameter ``logit_scale``."""
        return float(self.clip.logit_scale.detach().exp())

    def step(self, batch: Batch) -> Tensor:
        """Take one optimiser step; returns loss and gradient norm, float32 (2,), on the device."""
        set_learning_rate(self.optimizer, self.rate)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._gradients(batch)
        norm = torch.nn.utils.clip_grad_norm_(
            self.clip.parameters(), self.config.max_grad_norm or math.inf
        )
        # An interrupt in here leaves some weights updated and others not.
        self.consistent = False
        self.optimizer.step()
        with torch.no_grad():
            self.clip.logit_scale.clamp_(max=MAX_LOGIT_SCALE)
        self.progress = dataclasses.replace(self.progress, step=self.progress.step + 1)
        if self.average:
            self.average.update(self.progress.step)
        self.consistent = True
        return torch.stack([loss, norm])

    def _gradients(self, batch: Batch) -> Tensor:
        products = batch.products.to(self.device, non_blocking=True)
        same = None if self.config.same_products == "negatives" else same_product(products)

        def titles(image: Tensor, text: Tensor, *others: Tensor) -> Tensor:
            return contrastive_loss(image, text, others[-1], same)

        loss = self._with_queries(titles, batch.queries) if batch.queries else titles

        def nested(*features: Tensor) -> Tensor:
            *vectors, factor = features
            return nested_loss(lambda *ones: loss(*ones, factor), vectors, self.lengths)

        # Cut texts before the transfer: the CPU knows their lengths without waiting for the device.
        parts = [
            tuple(one.to(self.device, non_blocking=True) for one in part)
            for part in gradcache.chunks(self._inputs(batch), self.config.chunk_size)
        ]
        return gradcache.backward(self.shared, nested, parts, len(batch.rows), self.world)

    def _with_queries(self, titles: gradcache.Loss, batch: QueryBatch) -> gradcache.Loss:
        """A loss of titles and images, mixed with that of queries in their share."""
        assert self.queries is not None
        use = self.queries
        weights, relevant = (
            one.to(self.device, non_blocking=True) for one in (batch.weights, batch.relevant)
        )

        def mixed(image: Tensor, text: Tensor, query: Tensor, factor: Tensor) -> Tensor:
            listing = listing_features(image, text, use.query_listing)
            queries = query_loss(query, listing, factor, weights, relevant)
            return (1 - use.query_share) * titles(image, text, factor) + use.query_share * queries

        return mixed

    def _inputs(self, batch: Batch) -> gradcache.Part:
        """Pixels and ids of this process's part of a batch, or the features of a frozen tower."""
        pixels = self.frozen_images.of(batch) if self.frozen_images else batch.pixels
        ids = [batch.ids, *([batch.queries.ids] if batch.queries else [])]
        return (pixels, *(map(self.frozen_texts.of, ids) if self.frozen_texts else ids))

    @contextmanager
    def kept_weights(self) -> Iterator[None]:
        """The model with the weights to validate and keep: the moving average if it is on."""
        if self.average is None:
            yield
            return
        with self.average.in_place():
            yield

    def content(self) -> dict[str, Any]:
        """Everything that a checkpoint needs to resume exactly here."""
        with self.kept_weights():
            content: dict[str, Any] = {"model_state_dict": self.weights()}
        content["optimizer_state_dict"] = on_cpu(self.optimizer.state_dict())
        if self.average:
            content["live_state_dict"] = self.weights()
        if self.order:
            rows = torch.from_numpy(self.order.rows.astype(np.int32))
            content["order"] = {"epoch": self.order.epoch, "rows": rows}
        return content

    def weights(self) -> Weights:
        """The live weights on the CPU; a model on the CPU shares their memory."""
        weights: Weights = on_cpu(self.clip.state_dict())
        return weights

    def restore(self, content: Mapping[str, Any]) -> None:
        """Resume from a checkpoint's content."""
        kept = content["model_state_dict"]
        if self.average:
            self.average.restore(kept)
        self.clip.load_state_dict(content.get("live_state_dict", kept))
        self.optimizer.load_state_dict(content["optimizer_state_dict"])
        self.progress = Progress(**content["progress"])
        if order := content.get("order"):
            self.order = MinedOrder(order["epoch"], order["rows"].numpy().astype(np.int64))
