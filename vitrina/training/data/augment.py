"""Light augmentation of product photos: the title stays true, so no rotation and no new hue."""

import numpy as np
import torch.nn.functional as F  # noqa: N812 - the conventional name
from torch import Tensor

MIN_SIDE = 0.85  # fraction of the side that a zoom keeps
MAX_CHANGE = 0.1  # of brightness and contrast, relative


def light(pixels: Tensor, random: np.random.Generator) -> Tensor:
    """Randomly shift, zoom, mirror and brighten or darken an image, uint8 (3, R, R).

    Colours keep their hue, since titles name them.
    """
    resolution = pixels.shape[-1]
    side = round(resolution * random.uniform(MIN_SIDE, 1))
    left, top = random.integers(resolution - side + 1, size=2)
    crop = pixels[None, :, top : top + side, left : left + side].float()
    image: Tensor = F.interpolate(crop, size=(resolution, resolution), mode="bilinear")[0]
    if random.random() < 0.5:
        image = image.flip(-1)
    contrast, brightness = 1 + random.uniform(-MAX_CHANGE, MAX_CHANGE, size=2)
    mean = image.mean()
    image = (image - mean) * contrast + mean * brightness
    return image.round_().clamp_(0, 255).to(pixels.dtype)
