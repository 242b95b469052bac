"""Small changes to product photos that leave what the title says true: no turning, no new hue."""

import numpy as np
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

LEAST_SIDE = 0.85  # of the image that a zoom keeps
TINT = 0.1  # how far brightness and contrast go


def light(pixels: Tensor, random: np.random.Generator) -> Tensor:
    """An image uint8 (3, R, R) shifted, zoomed, mirrored by chance, a little lighter or darker.

    Colours keep their hue, since titles name them.
    """
    resolution = pixels.shape[-1]
    side = round(resolution * random.uniform(LEAST_SIDE, 1))
    left, top = random.integers(resolution - side + 1, size=2)
    part = pixels[None, :, top : top + side, left : left + side].float()
    image: Tensor = F.interpolate(part, size=(resolution, resolution), mode="bilinear")[0]
    if random.random() < 0.5:
        image = image.flip(-1)
    contrast, brightness = 1 + random.uniform(-TINT, TINT, size=2)
    mean = image.mean()
    image = (image - mean) * contrast + mean * brightness
    return image.round_().clamp_(0, 255).to(pixels.dtype)
