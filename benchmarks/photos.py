"""Photo-like images from a seed: gradients, shapes with edges, and noise at several scales."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from vitrina.images.resize_index import ResizeOutcome
from vitrina.images.resize_plan import ResizeJob

SIZE = (900, 1200)
OCTAVES = ((64, 30.0), (16, 18.0), (4, 12.0), (2, 8.0), (1, 5.0))  # grain size in pixels, contrast


def photo(seed: int, size: tuple[int, int] = SIZE, quality: int = 88) -> bytes:
    """A JPEG of ``size`` (width, height); at 900 × 1,200 about 250 KB, as in real shops."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = rng.uniform(1, 5, (3, 2))
    pixels = np.stack(
        [128 + 100 * np.sin(a * x / width + b * y / height + seed) for a, b in waves], -1
    )
    for grain, contrast in OCTAVES:
        noise = rng.normal(0, contrast, (height // grain + 2, width // grain + 2))
        layer = Image.fromarray(noise.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
        pixels += np.asarray(layer)[..., None]
    for _ in range(12):
        centre, radius = rng.uniform(0, size), rng.uniform(30, 250)
        inside = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < radius**2
        pixels[inside] = 0.4 * pixels[inside] + 0.6 * rng.uniform(0, 255, 3)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return file.getvalue()


def idle(jobs: Sequence[ResizeJob]) -> list[ResizeOutcome]:
    """The outcomes of a shard without its work; here, where Ray's workers can import it."""
    return [ResizeOutcome(job.name, job.stamp, 0, "", "") for job in jobs]
