"""A product photo, near enough: the goods on a shop's background, their shadow, a little grain."""

from functools import cache
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from vitrina.demo.assortment import RGB
from vitrina.demo.colours import BLACK, WHITE, from_hls, towards
from vitrina.demo.goods import draw_goods

SIDES = ((80, 160, 20), (160, 300, 50), (300, 480, 24), (480, 900, 6))  # from, to, weight
ASPECTS = (1.0, 1.0, 1.0, 3 / 4, 3 / 4, 4 / 3)  # width to height
SCENES = (
    ("white", 50),
    ("grey", 10),
    ("tint", 10),
    ("gradient", 10),
    ("table", 10),
    ("shelf", 10),
)  # what is behind the goods, weight
TALLEST = 1.15  # times the width: goods in a portrait may lose their ends to a centre crop
BOARDS: tuple[RGB, ...] = ((205, 170, 130), (176, 140, 104), (226, 205, 178), (214, 214, 216))
GRAIN = 1024  # pixels, more than the largest image by enough to choose a place in it
SHADOW: RGB = (60, 55, 60)
SHADOW_SCALE = 8  # a blur needs no detail


def draw_image(kind: str, colour: str, pattern: str, rng: Random) -> Image.Image:
    """An RGB image, 80 to 900 pixels long; equal arguments and state of ``rng``, equal pixels."""
    width, height = _size(rng)
    canvas = _background(rng, width, height)
    room = (width, min(height, round(width * TALLEST)))
    goods, cut = draw_goods(kind, colour, pattern, rng, room)
    left = round((width - goods.width) * rng.uniform(0.43, 0.57))
    top = round((height - goods.height) * rng.uniform(0.43, 0.57))
    canvas.paste(SHADOW, mask=_shadow(cut, left, top, canvas.size))
    canvas.paste(goods, (left, top), cut)
    return _grained(canvas, rng)


def _size(rng: Random) -> tuple[int, int]:
    low, high, _ = rng.choices(SIDES, [weight for *_, weight in SIDES])[0]
    side, aspect = rng.randint(low, high), rng.choice(ASPECTS)
    return (side, round(side / aspect)) if aspect >= 1 else (round(side * aspect), side)


def _background(rng: Random, width: int, height: int) -> Image.Image:
    """Plain white, grey, a tint or a gradient; or a wall above a table or a shelf."""
    scene = rng.choices(*zip(*SCENES, strict=True))[0]
    if scene == "white":
        return Image.new("RGB", (width, height), WHITE)
    if scene == "grey":
        return Image.new("RGB", (width, height), (rng.randint(205, 236),) * 3)
    wall = from_hls(rng.random(), rng.uniform(0.88, 0.94), rng.uniform(0.15, 0.4))
    if scene == "tint":
        return Image.new("RGB", (width, height), wall)
    canvas = _gradient(towards(wall, WHITE, 0.6), towards(wall, (90, 90, 95), 0.15), width, height)
    if scene != "gradient":
        _board(canvas, rng, thin=scene == "shelf")
    return canvas


def _gradient(top: RGB, bottom: RGB, width: int, height: int) -> Image.Image:
    column = np.linspace(top, bottom, height).round().astype(np.uint8)
    return Image.fromarray(column[:, None]).resize((width, height), Image.Resampling.NEAREST)


def _board(canvas: Image.Image, rng: Random, thin: bool) -> None:
    width, height = canvas.size
    edge = round(height * rng.uniform(0.72, 0.84))
    wood = rng.choice(BOARDS)
    if thin:
        lip = edge + max(round(height * 0.05), 3)
        canvas.paste(wood, (0, edge, width, lip))
        canvas.paste(towards(wood, BLACK, 0.25), (0, lip, width, lip + max(height // 60, 1)))
    else:
        canvas.paste(_gradient(wood, towards(wood, BLACK, 0.12), width, height - edge), (0, edge))


def _shadow(cut: Image.Image, left: int, top: int, size: tuple[int, int]) -> Image.Image:
    """A soft mask (L) of the goods' outline, a little below and to the right of it."""
    small, shape = (
        (max(width // SHADOW_SCALE, 1), max(height // SHADOW_SCALE, 1))
        for width, height in (size, cut.size)
    )
    drop = min(small) / 40
    mask = Image.new("L", small)
    dark = cut.resize(shape, Image.Resampling.BOX).point([value * 2 // 5 for value in range(256)])
    mask.paste(dark, (round(left / SHADOW_SCALE + drop), round(top / SHADOW_SCALE + drop)))
    blurred = mask.filter(ImageFilter.GaussianBlur(max(drop, 0.6)))
    return blurred.resize(size, Image.Resampling.BILINEAR)


def _grained(image: Image.Image, rng: Random) -> Image.Image:
    left, top = rng.randint(0, GRAIN - image.width), rng.randint(0, GRAIN - image.height)
    noise = _grain().crop((left, top, left + image.width, top + image.height))
    return ImageChops.add(image, noise, offset=-128)


@cache
def _grain() -> Image.Image:
    """Sensor noise around 128, drawn once: every image takes a window of it."""
    noise = np.random.default_rng(0).standard_normal((GRAIN, GRAIN, 3), dtype=np.float32)
    return Image.fromarray((128.5 + 3 * noise).clip(0, 255).astype(np.uint8))
