"""The two towers in one module, as a step uses them: pixels and ids in, unit features out."""

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from vitrina.config import TrainConfig
from vitrina.images.load import normalize
from vitrina.model.forward import encode_image, encode_text
from vitrina.model.hardware import training_precision
from vitrina.model.model import RuCLIP

Frozen = Literal["none", "image", "text"]


class TrainingTowers(nn.Module):
    """ruCLIP's image and text tower around one model, which is trained in place."""

    def __init__(self, model: RuCLIP, config: TrainConfig, device: torch.device) -> None:
        super().__init__()
        self.clip = model.clip.to(device)
        self.mean, self.std = model.mean, model.std
        self.frozen: Frozen = config.freeze
        self.recomputes = config.gradient_checkpointing
        self.autocasts = training_precision(config) == "bfloat16"
        for name, parameter in self.clip.named_parameters():
            tower = "image" if name.startswith("visual.") else "text"
            parameter.requires_grad_(name == "logit_scale" or tower != self.frozen)

    def image(self, pixels: Tensor) -> Tensor:
        """Features float32 (batch, dim) of unit length, of uint8 pixels (batch, 3, R, R)."""
        normal = normalize(pixels, self.mean, self.std)
        with torch.autocast(pixels.device.type, torch.bfloat16, enabled=self.autocasts):
            features = encode_image(self.clip, normal, recompute=self.recomputes)
        return F.normalize(features.float(), dim=-1)

    def text(self, ids: Tensor) -> Tensor:
        """Features float32 (batch, dim) of unit length, of int64 ids (batch, length)."""
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=self.autocasts):
            features = encode_text(self.clip, ids, recompute=self.recomputes)
        return F.normalize(features.float(), dim=-1)

    def forward(self, pixels: Tensor, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Image features, text features and the factor of the cosines.

        A frozen tower's input is its features, computed before.
        """
        image = pixels if self.frozen == "image" else self.image(pixels)
        text = ids if self.frozen == "text" else self.text(ids)
        return image, text, self.clip.logit_scale.exp()
