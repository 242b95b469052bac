"""Drawing goods: outlines painted in a colour and a pattern, softly lit, with a mask."""

from collections.abc import Sequence
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from vitrina.demo.assortment import COLOURS, PLAIN, RGB
from vitrina.demo.colours import BLACK, WHITE, blend, luminance, varied
from vitrina.demo.geometry import Outline
from vitrina.demo.parts import Paint
from vitrina.demo.prints import print_mask
from vitrina.demo.shapes import SHAPES

SUPERSAMPLED_UP_TO = 400  # pixels; larger images look smooth without, at a quarter of the cost
# The print on light goods: not black, or they could be taken for black goods with a white print.
GREY_PRINT: RGB = (108, 106, 116)


def draw_goods(
    kind: str, colour: str, pattern: str, rng: Random, max_size: tuple[int, int]
) -> tuple[Image.Image, Image.Image]:
    """The goods (RGB) and the mask of their outline (mode L), both cropped to the goods.

    The goods fill most of the width or of the height of ``max_size``, in pixels.
    """
    parts = SHAPES[kind](rng)
    turn = np.deg2rad(rng.gauss(0, 2.5))
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    corners = np.concatenate([part.outline for part in parts]) @ rotation
    low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
    samples = 2 if min(max_size) <= SUPERSAMPLED_UP_TO else 1
    scale = (np.array(max_size) / extent).min() * rng.uniform(0.84, 0.93) * samples
    width, height = (np.ceil(extent * scale / samples).astype(int) + 2) * samples

    def to_pixels(outline: Outline) -> list[float]:
        points: list[float] = ((outline @ rotation - low) * scale + samples).ravel().tolist()
        return points

    shades = _shades(colour, varied(COLOURS[colour], rng))
    fabric = Image.new("RGB", (int(width), int(height)), shades["plain"])
    if pattern != PLAIN:
        fabric.paste(shades["print"], mask=print_mask(pattern, rng, fabric.size, to_pixels))
    goods, mask = _painted(
        [(to_pixels(part.outline), part.paint) for part in parts], shades, fabric
    )
    return _lit(goods.reduce(samples), rng.uniform(0.1, 0.25)), mask.reduce(samples)


def _shades(name: str, colour: RGB) -> dict[str, RGB]:
    """The colours that the names of paints stand for on goods of this colour."""
    return {
        "plain": colour,
        "dark": (84, 84, 90) if name == "чёрный" else blend(colour, BLACK, 0.3),
        "light": blend(colour, WHITE, 0.45),
        "print": GREY_PRINT if luminance(COLOURS[name]) > 200 else WHITE,
    }


def _painted(
    parts: Sequence[tuple[list[float], Paint]], shades: dict[str, RGB], fabric: Image.Image
) -> tuple[Image.Image, Image.Image]:
    """The parts painted over each other, those of fabric with its pattern, and the mask of all."""
    canvas, mask = Image.new("RGB", fabric.size, shades["plain"]), Image.new("L", fabric.size)
    draw, draw_mask = ImageDraw.Draw(canvas), ImageDraw.Draw(mask)
    for points, paint in parts:
        draw_mask.polygon(points, fill=255)
        if paint == "fabric":
            part_mask = Image.new("L", fabric.size)
            ImageDraw.Draw(part_mask).polygon(points, fill=255)
            canvas.paste(fabric, mask=part_mask)
            draw.line(points + points[:4], fill=shades["dark"], width=3)
        else:
            draw.polygon(points, fill=paint if isinstance(paint, tuple) else shades[paint])
    return canvas, mask


def _lit(goods: Image.Image, strength: float) -> Image.Image:
    """The goods lit from the left: towards the right, darker by up to ``strength``."""
    fall = np.linspace(0, 255 * strength, goods.width).round().astype(np.uint8)
    shade = Image.fromarray(np.tile(fall, (goods.height, 1)))
    goods.paste(BLACK, mask=shade)
    return goods
