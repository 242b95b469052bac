"""Arithmetic on RGB colours, 0 to 255 per channel."""

import colorsys
from random import Random

from vitrina.demo.assortment import RGB

BLACK: RGB = (0, 0, 0)
WHITE: RGB = (252, 252, 250)


def blend(colour: RGB, other: RGB, amount: float) -> RGB:
    """A linear mix of two colours: ``amount`` 0 is the first, 1 the other."""
    red, green, blue = (round(a + (b - a) * amount) for a, b in zip(colour, other, strict=True))
    return red, green, blue


def luminance(colour: RGB) -> float:
    """Perceived brightness, 0 to 255 (ITU-R BT.601 luma)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def varied(colour: RGB, rng: Random) -> RGB:
    """A slightly different shade of the colour, as of another dye lot."""
    hue, light, saturation = colorsys.rgb_to_hls(*(value / 255 for value in colour))
    light = min(max(light + rng.uniform(-0.035, 0.035), 0.1), 0.97)
    return from_hls(hue + rng.uniform(-0.012, 0.012), light, saturation * rng.uniform(0.85, 1))


def from_hls(hue: float, light: float, saturation: float) -> RGB:
    """A colour from hue (1 is a full turn), lightness and saturation (0 to 1)."""
    red, green, blue = (round(v * 255) for v in colorsys.hls_to_rgb(hue % 1, light, saturation))
    return red, green, blue
