"""The model under training: its towers, its optimiser, and what one step does to them."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from vitrina.config import TrainConfig
from vitrina.model.model import RuCLIP
from vitrina.training import gradcache
from vitrina.training.checkpoints import Progress, on_cpu
from vitrina.training.data.batches import Batch
from vitrina.training.data.pixels import Pixels
from vitrina.training.distributed import World
from vitrina.training.ema import MovingAverage
from vitrina.training.frozen_features import FrozenImages, FrozenTexts
from vitrina.training.loss import MAX_LOGIT_SCALE, contrastive_loss, same_product
from vitrina.training.optimizer import adamw, set_learning_rate
from vitrina.training.schedule import learning_rate
from vitrina.training.towers import TrainingTowers

Weights = dict[str, Tensor]


class Learner:
    """Trains ``model.clip`` in place; what :meth:`content` holds goes on to the same weights."""

    def __init__(
        self, model: RuCLIP, config: TrainConfig, steps: int, device: torch.device, world: World
    ) -> None:
        self.config, self.steps, self.device, self.world = config, steps, device, world
        self.progress = Progress()
        self.consistent = True
        self.towers = TrainingTowers(model, config, device)
        self.clip = self.towers.clip
        self.shared = world.wrap(self.towers)
        self.optimizer = adamw(self.clip, config.weight_decay, config.layer_decay)
        self.average = MovingAverage(self.clip, config.ema_decay) if config.ema_decay else None
        self.frozen_images: FrozenImages | None = None
        self.frozen_texts: FrozenTexts | None = None

    def compute_frozen(self, pixels: Pixels) -> None:
        """Make the features of a frozen tower ready, those of the images all at once."""
        if self.config.freeze == "image":
            self.frozen_images = FrozenImages(self.towers, pixels, self.device, self.world)
        if self.config.freeze == "text":
            self.frozen_texts = FrozenTexts(self.towers, self.device)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return learning_rate(self.progress.step, self.steps, self.config.warmup, self.config.lr)

    @property
    def logit_scale(self) -> float:
        """The factor of the cosines."""
        return float(self.clip.logit_scale.detach().exp())

    def step(self, batch: Batch) -> Tensor:
        """One optimiser step; its loss and the norm of its gradient, (2,), still on the device."""
        set_learning_rate(self.optimizer, self.rate)
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._gradients(batch)
        norm = torch.nn.utils.clip_grad_norm_(
            self.clip.parameters(), self.config.max_grad_norm or math.inf
        )
        # An interruption in here leaves some weights of this step and some of the last.
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

        def loss(image: Tensor, text: Tensor, factor: Tensor) -> Tensor:
            return contrastive_loss(image, text, factor, same)

        # Cut before the transfer: how long a text is, is known here without waiting for the device.
        parts = [
            (pixels.to(self.device, non_blocking=True), ids.to(self.device, non_blocking=True))
            for pixels, ids in gradcache.chunks(*self._inputs(batch), self.config.chunk_size)
        ]
        return gradcache.backward(self.shared, loss, parts, len(batch.rows), self.world)

    def _inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        pixels = self.frozen_images.of(batch) if self.frozen_images else batch.pixels
        ids = self.frozen_texts.of(batch) if self.frozen_texts else batch.ids
        return pixels, ids

    @contextmanager
    def kept_weights(self) -> Iterator[None]:
        """The model with the weights that are validated and kept: averaged ones if that is on."""
        if self.average is None:
            yield
            return
        with self.average.in_place():
            yield

    def content(self) -> dict[str, Any]:
        """All that a checkpoint needs to go on exactly from here."""
        with self.kept_weights():
            found = {"model_state_dict": self.weights()}
        found["optimizer_state_dict"] = on_cpu(self.optimizer.state_dict())
        if self.average:
            found["live_state_dict"] = self.weights()
        return found

    def weights(self) -> Weights:
        """The model's weights as they are, on the CPU; there they are the model's own memory."""
        found: Weights = on_cpu(self.clip.state_dict())
        return found

    def restore(self, content: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's content."""
        kept = content["model_state_dict"]
        if self.average:
            self.average.restore(kept)
        self.clip.load_state_dict(content.get("live_state_dict", kept))
        self.optimizer.load_state_dict(content["optimizer_state_dict"])
        self.progress = Progress(**content["progress"])
