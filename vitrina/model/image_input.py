"""Pixels as the input of the image tower."""

from collections.abc import Sequence

import torch
from torch import Tensor


def normalize(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """uint8 pixels (batch, 3, R, R) as float32 input of ``clip.encode_image``, on their device.

    ``mean`` and ``std`` are per colour channel, of values in 0..1.
    """
    shape = (3, 1, 1)
    means = torch.tensor(mean, dtype=torch.float32, device=pixels.device).view(shape)
    stds = torch.tensor(std, dtype=torch.float32, device=pixels.device).view(shape)
    return pixels.float().div_(255).sub_(means).div_(stds)
