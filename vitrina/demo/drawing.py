"""Drawing a product photo: goods with a shadow on a background, and a little grain."""

from functools import cache
from random import Random

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from vitrina.demo.assortment import RGB
from vitrina.demo.colours import BLACK, WHITE, blend, from_hls
from vitrina.demo.goods import draw_goods

Sides = tuple[tuple[int, int, int], ...]
# Ranges of the longer side: from and to in pixels, weight.
SIDES = ((80, 160, 20), (160, 300, 50), (300, 480, 24), (480, 900, 6))
SMALL_SIDES = SIDES[:2]  # drawn in a third of the time
ASPECTS = (1.0, 1.0, 1.0, 3 / 4, 3 / 4, 4 / 3)  # width / height
# Backgrounds and their weights.
SCENES = (
    ("white", 50),
    ("grey", 10),
    ("tint", 10),
    ("gradient", 10),
    ("table", 10),
    ("shelf", 10),
)
MAX_HEIGHT = 1.15  # of goods, in widths of the image: a centre crop of a portrait cuts little off
BOARDS: tuple[RGB, ...] = ((205, 170, 130), (176, 140, 104), (226, 205, 178), (214, 214, 216))
GRAIN = 1024  # pixels a side: larger than any image, so that each takes a random window
SHADOW: RGB = (60, 55, 60)
SHADOW_SCALE = 8  # the shadow is blurred at an eighth of the size, where no detail is lost


def draw_image(
    kind: str, colour: str, pattern: str, rng: Random, sides: Sides = SIDES
) -> Image.Image:
    """An RGB image, its longer side in one of ``sides``; all by the arguments and ``rng``."""
    width, height = _size(rng, sides)
    canvas = _background(rng, width, height)
    max_size = (width, min(height, round(width * MAX_HEIGHT)))
    goods, mask = draw_goods(kind, colour, pattern, rng, max_size)
    left = round((width - goods.width) * rng.uniform(0.43, 0.57))
    top = round((height - goods.height) * rng.uniform(0.43, 0.57))
    canvas.paste(SHADOW, mask=_shadow(mask, left, top, canvas.size))
    canvas.paste(goods, (left, top), mask)
    return _grained(canvas, rng)


def _size(rng: Random, sides: Sides) -> tuple[int, int]:
    low, high, _ = rng.choices(sides, [weight for *_, weight in sides])[0]
    side, aspect = rng.randint(low, high), rng.choice(ASPECTS)
    return (side, round(side / aspect)) if aspect >= 1 else (round(side * aspect), side)


def _background(rng: Random, width: int, height: int) -> Image.Image:
    """White, grey, a tint, a gradient, or a wall above a table or a shelf."""
    scene = rng.choices(*zip(*SCENES, strict=True))[0]
    if scene == "white":
        return Image.new("RGB", (width, height), WHITE)
    if scene == "grey":
        return Image.new("RGB", (width, height), (rng.randint(205, 236),) * 3)
    wall = from_hls(rng.random(), rng.uniform(0.88, 0.94), rng.uniform(0.15, 0.4))
    if scene == "tint":
        return Image.new("RGB", (width, height), wall)
    canvas = _gradient(blend(wall, WHITE, 0.6), blend(wall, (90, 90, 95), 0.15), width, height)
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
        canvas.paste(blend(wood, BLACK, 0.25), (0, lip, width, lip + max(height // 60, 1)))
    else:
        canvas.paste(_gradient(wood, blend(wood, BLACK, 0.12), width, height - edge), (0, edge))


def _shadow(goods_mask: Image.Image, left: int, top: int, size: tuple[int, int]) -> Image.Image:
    """A soft mask (mode L) of the goods' outline, shifted a little down and to the right."""
    small, shape = (
        (max(width // SHADOW_SCALE, 1), max(height // SHADOW_SCALE, 1))
        for width, height in (size, goods_mask.size)
    )
    drop = min(small) / 40
    mask = Image.new("L", small)
    opacity = [value * 2 // 5 for value in range(256)]
    dark = goods_mask.resize(shape, Image.Resampling.BOX).point(opacity)
    mask.paste(dark, (round(left / SHADOW_SCALE + drop), round(top / SHADOW_SCALE + drop)))
    blurred = mask.filter(ImageFilter.GaussianBlur(max(drop, 0.6)))
    return blurred.resize(size, Image.Resampling.BILINEAR)


def _grained(image: Image.Image, rng: Random) -> Image.Image:
    left, top = rng.randint(0, GRAIN - image.width), rng.randint(0, GRAIN - image.height)
    noise = _grain().crop((left, top, left + image.width, top + image.height))
    return ImageChops.add(image, noise, offset=-128)


@cache
def _grain() -> Image.Image:
    """Sensor noise around 128, drawn once; every image takes a window of it."""
    noise = np.random.default_rng(0).standard_normal((GRAIN, GRAIN, 3), dtype=np.float32)
    return Image.fromarray((128.5 + 3 * noise).clip(0, 255).astype(np.uint8))
