"""Fabric patterns: masks of where the second colour is printed."""

from collections.abc import Callable, Iterator
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from vitrina.demo.geometry import Outline, ellipse, line, moved, star

# Maps an outline in the goods' coordinates to pixels: x, y, x, y, ...
ToPixels = Callable[[Outline], list[float]]
REACH = 1.5  # half the side of the printed square: covers the goods at any rotation
SOLID, HALF = 255, 130


def print_mask(
    pattern: str, rng: Random, size: tuple[int, int], to_pixels: ToPixels
) -> Image.Image:
    """How much of the second colour each pixel takes: an image of mode L, 0 to 255.

    Motifs are large enough to be distinguished when the goods are 50 pixels wide.
    """
    mask = Image.new("L", size)
    if pattern == "в клетку":
        period, phase = rng.uniform(0.4, 0.5), rng.random()
        across = _filled(mask.copy(), _bars(period, 0.5, phase, upright=False), to_pixels, HALF)
        down = _filled(mask, _bars(period, 0.5, phase, upright=True), to_pixels, HALF)
        return ImageChops.add(across, down)
    return _filled(mask, _motifs(pattern, rng), to_pixels, SOLID)


def _filled(
    mask: Image.Image, outlines: Iterator[Outline], to_pixels: ToPixels, value: int
) -> Image.Image:
    draw = ImageDraw.Draw(mask)
    for outline in outlines:
        draw.polygon(to_pixels(outline), fill=value)
    return mask


def _motifs(pattern: str, rng: Random) -> Iterator[Outline]:
    if pattern == "в полоску":
        upright = rng.random() < 0.5
        yield from _bars(rng.uniform(0.32, 0.44), 0.42, rng.random(), upright)
    elif pattern == "в горошек":
        yield from _scattered(rng, 0.34, ellipse(0, 0, 0.09, 0.09, 16))
    elif pattern == "со звёздами":
        yield from _scattered(rng, 0.76, star(0.34))
    else:
        raise ValueError(f"There is no pattern {pattern!r}.")


def _bars(period: float, filled: float, phase: float, upright: bool) -> Iterator[Outline]:
    for at in np.arange(-REACH + phase * period, REACH, period):
        start, stop = (-REACH, at), (REACH, at)
        if upright:
            start, stop = start[::-1], stop[::-1]
        yield line(start, stop, period * filled)


def _scattered(rng: Random, period: float, motif: Outline) -> Iterator[Outline]:
    """The motif on a grid, every second row shifted by half a period."""
    period, x0, y0 = period * rng.uniform(0.95, 1.05), rng.random(), rng.random()
    for row, y in enumerate(np.arange(-REACH + y0 * period, REACH, period * 0.87)):
        for x in np.arange(-REACH + (x0 + row % 2 / 2) * period, REACH, period):
            yield moved(motif, x, y)
