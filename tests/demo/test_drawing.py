"""The demo's images: goods that look as their titles say."""

from random import Random

import numpy as np
import pytest
from PIL import ImageOps

from vitrina.demo.assortment import COLOURS, KINDS, PATTERNS, PLAIN
from vitrina.demo.drawing import draw_image


def at_64(kind: str, colour: str, pattern: str, seed: int) -> np.ndarray:
    """An image as the tiny model sees it, int16 (64, 64, 3)."""
    image = draw_image(kind, colour, pattern, Random(seed))
    return np.asarray(ImageOps.fit(image, (64, 64)), dtype=np.int16)


@pytest.mark.parametrize("colour", COLOURS)
def test_goods_have_the_colour_of_their_title(colour: str) -> None:
    """The middle of a plain pillow is closer to its colour than to any other."""
    for seed in range(5):
        middle = at_64("подушка", colour, PLAIN, seed)[26:38, 26:38].mean(axis=(0, 1))
        distances = {name: np.abs(middle - rgb).sum() for name, rgb in COLOURS.items()}
        assert min(distances, key=distances.__getitem__) == colour


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern != PLAIN])
def test_a_pattern_is_visible_at_64_pixels(pattern: str) -> None:
    """Brightness varies much more within the goods than on plain ones."""
    for colour in COLOURS:
        with_print, without = (
            at_64("подушка", colour, p, 3)[20:44, 20:44].mean(axis=2).std()
            for p in (pattern, PLAIN)
        )
        assert with_print > 3 * without, colour


@pytest.mark.parametrize("kind", [kind.noun for kind in KINDS])
def test_goods_fill_the_middle_of_every_image(kind: str) -> None:
    """Red goods are in the image and do not reach its edges."""
    for seed in range(8):
        image = draw_image(kind, "красный", PLAIN, Random(seed))
        assert image.mode == "RGB"
        assert min(image.size) >= 60
        assert max(image.size) <= 900
        pixels = np.asarray(image, dtype=np.int16)
        red = pixels[..., 0] - pixels[..., 1] > 90
        assert 0.05 < red.mean() < 0.8
        assert red[1:-1, 1:-1].sum() == red.sum()


def test_the_random_generator_decides_every_pixel() -> None:
    """Equal states draw equal images, which lets rows be drawn in threads; others differ."""
    one, same, other = (draw_image("ваза", "синий", "в горошек", Random(n)) for n in (1, 1, 2))
    assert one == same
    assert one != other
