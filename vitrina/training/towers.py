"""Both towers in one module for a training step: pixels and ids in, unit features out."""

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - the conventional name
from torch import Tensor, nn

from vitrina.config.training import TrainConfig
from vitrina.model.forward import encode_image, encode_text
from vitrina.model.hardware import training_precision
from vitrina.model.image_input import normalize
from vitrina.model.model import RuCLIP

Frozen = Literal["none", "image", "text"]


class TrainingTowers(nn.Module):
    """ruCLIP's image and text towers; they train the model in place, in the config's precision."""

    def __init__(self, model: RuCLIP, config: TrainConfig, device: torch.device) -> None:
        super().__init__()
        self.clip = model.clip.to(device)
        self.mean, self.std = model.mean, model.std
        self.frozen: Frozen = config.freeze
        self.recomputes = config.gradient_checkpointing
        width = model.clip.visual.transformer.width
        self.autocasts = training_precision(config, width) == "bfloat16"
        for name, parameter in self.clip.named_parameters():
            tower = "image" if name.startswith("visual.") else "text"
            parameter.requires_grad_(name == "logit_scale" or tower != self.frozen)

    def image(self, pixels: Tensor) -> Tensor:
        """Features float32 (batch, dim) of unit length, of uint8 pixels (batch, 3, R, R)."""
        normalized = normalize(pixels, self.mean, self.std)
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self.autocasts):
            features = encode_image(self.clip, normalized, recompute=self.recomputes)
        return F.normalize(features.float(), dim=-1)

    def text(self, ids: Tensor) -> Tensor:
        """Features float32 (batch, dim) of unit length, of int64 ids (batch, length)."""
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=self.autocasts):
            features = encode_text(self.clip, ids, recompute=self.recomputes)
        return F.normalize(features.float(), dim=-1)

    def forward(self, pixels: Tensor, *ids: Tensor) -> tuple[Tensor, ...]:
        """Image features, features of each of the ids, and the factor of the cosines.

        Features are float32 (batch, dim). The input of a frozen tower is its features, computed
        earlier.
        """
        image = pixels if self.frozen == "image" else self.image(pixels)
        texts = ids if self.frozen == "text" else tuple(map(self.text, ids))
        return image, *texts, self.clip.logit_scale.exp()
