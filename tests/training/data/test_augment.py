"""Light augmentation."""

import numpy as np
import torch

from vitrina.training.data import augment


def test_light_augmentation_keeps_the_image_recognizable() -> None:
    """Pixels change a little, stay uint8 in range, and follow the generator alone."""
    ramp = torch.arange(32, dtype=torch.uint8).mul(7).expand(3, 32, 32).contiguous()
    first = augment.light(ramp, np.random.default_rng(1))
    assert first.dtype == torch.uint8
    assert first.shape == ramp.shape
    assert torch.equal(first, augment.light(ramp, np.random.default_rng(1)))
    others = [augment.light(ramp, np.random.default_rng(seed)) for seed in range(20)]
    assert len({other.numpy().tobytes() for other in others}) == 20
    assert all((other.float().mean() - ramp.float().mean()).abs() < 25 for other in others)
