"""Goods to wear or carry, and a ball, as painted parts, from back to front."""

from random import Random

from vitrina.demo.geometry import (
    Outline,
    arc,
    box,
    ellipse,
    half_disc,
    line,
    moved,
    polygon,
    smooth,
    symmetric,
)
from vitrina.demo.parts import INK, METAL, RUBBER, WOOD, Paint, Part


def dress(rng: Random) -> list[Part]:
    """Платье: straps or short sleeves, a belt and a wide skirt."""
    hem, waist, length = rng.uniform(0.6, 0.8), rng.uniform(0.26, 0.32), rng.uniform(0.85, 1.05)
    sleeve = rng.choice(((0.34, -0.72), (0.62, -0.5)))
    side = polygon((0.12, -0.8), (0.3, -0.98), sleeve, (0.36, -0.5), (waist, -0.12))
    skirt = polygon((waist, -0.12), (hem, length), (hem * 0.5, length + 0.05), (0, length + 0.03))
    return [
        Part(symmetric(polygon((0.12, -0.8), (0.3, -0.98), (0.36, -0.5), (waist, -0.1))), "plain"),
        Part(symmetric(side), "fabric"),
        Part(symmetric(skirt), "fabric"),
        Part(box(-waist - 0.02, -0.19, waist + 0.02, -0.07, 0.02), "dark"),
    ]


def tshirt(rng: Random) -> list[Part]:
    """Футболка: angled sleeves and a round neck."""
    wide, length = rng.uniform(0.48, 0.58), rng.uniform(0.8, 0.98)
    side = polygon((0.22, -0.82), (wide - 0.05, -0.76), (0.98, -0.32), (0.74, -0.06), (wide, -0.24))
    hem = polygon((wide, length), (0, length + 0.03))
    return [
        Part(symmetric(polygon(*map(tuple, side), *map(tuple, hem))), "fabric"),
        Part(arc(0, -0.83, 0.25, 0.17, 0, 180, 0.07), "dark"),
    ]


def hat(rng: Random) -> list[Part]:
    """Шапка: a knitted dome, a ribbed turned-up brim and a pompom."""
    height, brim = rng.uniform(0.85, 1.05), rng.uniform(0.3, 0.42)
    ribs = [
        Part(line((x / 10, 0.42), (x / 10, 0.38 + brim), 0.025), "plain") for x in range(-7, 8, 2)
    ]
    return [
        Part(ellipse(0, 0.4 - height, 0.26, 0.24, 24), "light"),
        Part(half_disc(0, 0.45, 0.78, height), "fabric"),
        Part(box(-0.84, 0.38, 0.84, 0.42 + brim, 0.12), "dark"),
        *ribs,
    ]


def sneakers(rng: Random) -> list[Part]:
    """Кроссовки: two shoes from the side, the far one a little higher."""
    sole, collar = rng.uniform(0.12, 0.18), rng.uniform(-0.5, -0.36)
    return [*_shoe(0.14, -0.3, sole, collar), *_shoe(-0.1, 0.26, sole, collar)]


def _shoe(x: float, y: float, sole: float, collar: float) -> list[Part]:
    heel = [(-0.86, 0.3), (-0.88, 0.0), (-0.9, collar)]
    tongue = [(-0.6, collar + 0.06), (-0.34, collar + 0.02), (-0.08, -0.18)]
    toe = [(0.3, -0.02), (0.68, 0.06), (0.86, 0.3)]
    upper = smooth([*heel, *tongue, *toe])
    laces = [
        line((-0.22 + i, collar + 0.24 + i / 2), (-0.06 + i, collar + 0.12 + i), 0.06)
        for i in (0, 0.12, 0.24)
    ]
    shapes: list[tuple[Outline, Paint]] = [
        (ellipse(-0.6, collar + 0.03, 0.24, 0.06), "dark"),
        (upper, "fabric"),
        (half_disc(0.7, 0.32, 0.2, 0.2), "dark"),
        *((lace, RUBBER) for lace in laces),
        (box(-0.94, 0.26, 0.96, 0.26 + sole, 0.06), RUBBER),
    ]
    return [Part(moved(outline, x, y), paint) for outline, paint in shapes]


def bag(rng: Random) -> list[Part]:
    """Сумка: a wide body with a curved handle and a clasp."""
    top, bottom, height = rng.uniform(0.6, 0.8), rng.uniform(0.72, 0.9), rng.uniform(0.35, 0.5)
    return [
        Part(arc(0, -0.2, 0.4, height, 180, 360, 0.09), "dark"),
        Part(symmetric(smooth([(top, -0.25), (bottom, 0.7), (0, 0.74)], closed=False)), "fabric"),
        Part(box(-top - 0.02, -0.3, top + 0.02, -0.12, 0.05), "dark"),
        Part(box(-0.09, -0.2, 0.09, 0.0, 0.03), METAL),
    ]


def backpack(rng: Random) -> list[Part]:
    """Рюкзак: a tall rounded body with a pocket and straps at the sides."""
    wide, pocket = rng.uniform(0.56, 0.66), rng.uniform(0.24, 0.36)
    return [
        Part(arc(0, -0.86, 0.18, 0.18, 180, 360, 0.08), "dark"),
        Part(box(-wide - 0.13, -0.3, wide + 0.13, 0.75, 0.12), "dark"),
        Part(box(-wide, -0.9, wide, 0.95, 0.34), "fabric"),
        Part(arc(0, -0.3, wide - 0.14, 0.36, 180, 360, 0.04), "dark"),
        Part(box(-wide + 0.1, pocket, wide - 0.1, 0.85, 0.1), "plain"),
        Part(box(-wide + 0.1, pocket + 0.06, wide - 0.1, pocket + 0.12, 0.02), "dark"),
        Part(box(-0.05, -0.66, 0.05, -0.46, 0.03), METAL),
    ]


def umbrella(rng: Random) -> list[Part]:
    """Зонт: an open canopy with scallops and a crook handle."""
    height, scallops = rng.uniform(0.75, 0.95), rng.choice((4, 5))
    width = 2.0 / scallops
    stick = rng.choice((WOOD, INK, METAL))
    hollows = [
        Part(half_disc(-1 + width * (i + 0.5), 0.02, width / 2, 0.12), "dark")
        for i in range(scallops)
    ]
    ribs = [
        Part(
            arc(
                0,
                0,
                abs(-1 + width * i),
                height,
                180 if i * 2 < scallops else 270,
                270 if i * 2 < scallops else 360,
                0.02,
            ),
            "dark",
        )
        for i in range(1, scallops)
    ]
    return [
        Part(line((0, -height - 0.1), (0, 0.85), 0.05), stick),
        Part(arc(0.13, 0.85, 0.13, 0.13, 0, 180, 0.06), stick),
        Part(half_disc(0, 0.02, 1.0, height), "fabric"),
        *ribs,
        *hollows,
    ]


def ball(rng: Random) -> list[Part]:
    """Мяч: a disc with curved seams and a highlight."""
    seam, size = rng.uniform(0.45, 0.7), 0.95
    return [
        Part(ellipse(0, 0, size, size), "fabric"),
        Part(arc(-size * 1.15, 0, seam, 0.72, -48, 48, 0.035), "dark"),
        Part(arc(size * 1.15, 0, seam, 0.72, 132, 228, 0.035), "dark"),
        Part(ellipse(-0.34, -0.52, 0.17, 0.1, 20), "light"),
    ]
