"""Goods for the home as painted parts, from back to front; the random generator varies them."""

from random import Random

from vitrina.demo.geometry import arc, box, ellipse, half_disc, line, polygon, smooth, symmetric
from vitrina.demo.parts import GLOW, INK, LEAF, METAL, WOOD, Part


def mug(rng: Random) -> list[Part]:
    """Кружка: a body that may taper, with a handle on the right."""
    bottom, height = rng.uniform(0.46, 0.62), rng.uniform(0.58, 0.75)
    body = symmetric(
        polygon((0.62, -height), (bottom + 0.04, height - 0.1), (bottom - 0.06, height))
    )
    return [
        Part(arc(0.6, -0.05, 0.3, rng.uniform(0.32, 0.42), -110, 110, 0.13), "plain"),
        Part(body, "fabric"),
        Part(ellipse(0, -height, 0.62, 0.13), "light"),
        Part(ellipse(0, -height + 0.01, 0.55, 0.095), "dark"),
    ]


def teapot(rng: Random) -> list[Part]:
    """Чайник: a round body between spout and handle, and a lid with a knob."""
    rx, ry = rng.uniform(0.56, 0.64), rng.uniform(0.48, 0.6)
    spout = smooth([(-0.45, 0.3), (-0.8, 0.0), (-0.98, -0.3), (-0.84, -0.34), (-0.45, -0.1)])
    return [
        Part(spout, "plain"),
        Part(arc(0.6, 0.05, 0.32, 0.33, -115, 115, 0.11), "plain"),
        Part(ellipse(0, 0.1, rx, ry), "fabric"),
        Part(box(-0.34, ry + 0.03, 0.34, ry + 0.14, 0.04), "dark"),
        Part(half_disc(0, 0.14 - ry, 0.36, 0.18), "plain"),
        Part(ellipse(0, -0.1 - ry, 0.1, 0.1), "dark"),
    ]


def vase(rng: Random) -> list[Part]:
    """Ваза: a curved body; some hold a twig."""
    neck, belly, at = rng.uniform(0.16, 0.3), rng.uniform(0.44, 0.6), rng.uniform(0.05, 0.4)
    profile = smooth(
        [(neck + 0.1, -0.7), (neck, -0.45), (belly, at), (0.34, 0.85), (0.3, 0.95)], closed=False
    )
    twig = [
        Part(line((0, -0.6), (0.12, -1.25), 0.035), LEAF),
        *(
            Part(ellipse(x, y, 0.13, 0.07, 16), LEAF)
            for x, y in ((-0.02, -0.95), (0.2, -1.0), (0.0, -1.17), (0.2, -1.26))
        ),
    ]
    return [
        *(twig if rng.random() < 0.4 else []),
        Part(symmetric(profile), "fabric"),
        Part(ellipse(0, -0.7, neck + 0.1, 0.07), "light"),
        Part(ellipse(0, -0.69, neck + 0.05, 0.045), "dark"),
    ]


def lamp(rng: Random) -> list[Part]:
    """Лампа: a shade on a wooden or metal stem."""
    top, bottom, foot = rng.uniform(0.25, 0.5), rng.uniform(0.66, 0.8), rng.uniform(0.3, 0.42)
    stand = rng.choice((WOOD, METAL))
    return [
        Part(line((0, 0.0), (0, 0.9), 0.09), stand),
        Part(ellipse(0, 0.9, foot, 0.1), stand),
        Part(ellipse(0, 0.17, bottom - 0.02, 0.1), GLOW),
        Part(symmetric(polygon((top, -0.95), (bottom, 0.17))), "fabric"),
        Part(symmetric(polygon((top, -0.97), (top + 0.01, -0.91))), "dark"),
    ]


def pillow(rng: Random) -> list[Part]:
    """Подушка: square or oblong, with drawn-out corners."""
    x, pinch = rng.choice((0.85, 0.85, 0.98)), rng.uniform(0.07, 0.14)
    y = 0.85 if x < 0.9 else 0.66
    corners = ((-x, -y), (x, -y), (x, y), (-x, y))
    middles = ((0, pinch - y), (x - pinch, 0), (0, y - pinch), (pinch - x, 0))
    edge = smooth([point for pair in zip(corners, middles, strict=True) for point in pair])
    return [Part(edge * 1.05, "dark"), Part(edge, "fabric")]


def chair(rng: Random) -> list[Part]:
    """Стул: an upholstered back and seat on wooden legs."""
    wide, radius = rng.uniform(0.5, 0.6), rng.uniform(0.06, 0.22)
    return [
        Part(line((-wide + 0.1, 0.2), (-wide - 0.02, 1.05), 0.09), WOOD),
        Part(line((wide - 0.1, 0.2), (wide + 0.02, 1.05), 0.09), WOOD),
        Part(line((-wide + 0.22, 0.2), (-wide + 0.2, 0.92), 0.07), INK),
        Part(line((wide - 0.22, 0.2), (wide - 0.2, 0.92), 0.07), INK),
        Part(line((0, -0.2), (0, 0.2), 0.5), "dark"),
        Part(box(-wide + 0.06, -1.05, wide - 0.06, -0.02, radius), "fabric"),
        Part(box(-wide - 0.08, 0.08, wide + 0.08, 0.4, 0.14), "fabric"),
    ]


def clock(rng: Random) -> list[Part]:
    """Часы: a face with marks and hands, in a dark rim."""
    minute, hour = rng.uniform(-150, -30), rng.uniform(0, 120)
    hands = [
        Part(arc(0, 0, r / 2, r / 2, angle - w, angle + w, r), "print")
        for r, angle, w in ((0.62, minute, 4), (0.42, hour, 6))
    ]
    marks = [
        Part(arc(0, 0, 0.8, 0.8, angle - 3, angle + 3, 0.1), "print") for angle in range(0, 360, 30)
    ]
    return [
        Part(ellipse(0, 0, 1.0, 1.0), "dark"),
        Part(ellipse(0, 0, 0.88, 0.88), "fabric"),
        *marks,
        *hands,
        Part(ellipse(0, 0, 0.08, 0.08, 20), "print"),
    ]
