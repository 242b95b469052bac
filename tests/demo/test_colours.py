"""Colours of goods."""

from random import Random

import pytest

from vitrina.demo.assortment import COLOURS
from vitrina.demo.colours import BLACK, WHITE, blend, luminance, varied


@pytest.mark.parametrize("name", COLOURS)
def test_another_shade_is_still_the_same_colour(name: str) -> None:
    """Of all colours of the shop, the one that was varied stays the closest."""
    for seed in range(50):
        shade = varied(COLOURS[name], Random(seed))
        distances = {
            other: sum(abs(a - b) for a, b in zip(shade, rgb, strict=True))
            for other, rgb in COLOURS.items()
        }
        assert min(distances, key=distances.__getitem__) == name


def test_a_blend_goes_from_one_colour_to_the_other() -> None:
    """Brightness falls evenly on the way from white to black."""
    steps = [blend(WHITE, BLACK, amount) for amount in (0, 0.5, 1)]
    assert (steps[0], steps[2]) == (WHITE, BLACK)
    assert luminance(steps[1]) == pytest.approx(luminance(WHITE) / 2, abs=1)
