"""An image in every format and mode that shops use, and how each looks."""

import functools
import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

SIZE = (360, 240)


def scene(size: tuple[int, int] = SIZE) -> Image.Image:
    """Soft colours, different in each corner: any rotation, swap or inversion is visible."""
    across = np.linspace(0, 1, size[0])[None, :]
    down = np.linspace(0, 1, size[1])[:, None]
    red, green = 220 * across + 0 * down, 200 * down + 0 * across
    blue = 128 + 90 * np.sin(9 * across) * np.cos(7 * down)
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """An image as a file of a kind."""
    file = io.BytesIO()
    image.save(file, kind, **({"quality": 95} if kind == "JPEG" else {}) | options)
    return file.getvalue()


def half_transparent(mode: str) -> tuple[bytes, Image.Image]:
    """An image whose left half is transparent black, and how it looks on white."""
    colours = scene().convert("L" if mode == "LA" else "RGB")
    alpha = Image.new("L", SIZE, 255)
    alpha.paste(0, (0, 0, SIZE[0] // 2, SIZE[1]))
    hidden = Image.composite(colours, Image.new(colours.mode, SIZE, "black"), alpha)
    hidden.putalpha(alpha)
    shown = Image.composite(colours, Image.new(colours.mode, SIZE, "white"), alpha)
    return encoded(hidden, "PNG"), shown


def palette() -> tuple[bytes, Image.Image]:
    """A palette image with one transparent colour, and how it looks on white."""
    indexed = scene().quantize(64)
    clear = indexed.getpixel((5, 5))
    shown = indexed.convert("RGB")
    is_clear = (np.asarray(indexed) == clear).astype(np.uint8)
    shown.paste("white", mask=Image.fromarray(is_clear * 255))
    return encoded(indexed, "PNG", transparency=clear), shown


def sixteen_bits(kind: str) -> tuple[bytes, Image.Image]:
    """A 16-bit grey ramp, and the same in 8 bits."""
    ramp = np.linspace(0, 65535, SIZE[0] * SIZE[1]).reshape(SIZE[1], SIZE[0]).astype(np.uint16)
    return encoded(Image.fromarray(ramp), kind), Image.fromarray((ramp >> 8).astype(np.uint8))


def plain_cmyk() -> bytes:
    """A CMYK JPEG without Adobe's marker, its ink not inverted."""
    ink = np.asarray(scene().convert("CMYK"))
    adobe = encoded(Image.fromarray(255 - ink, "CMYK"))
    start = adobe.index(b"\xff\xee")
    (length,) = struct.unpack(">H", adobe[start + 2 : start + 4])
    return adobe[:start] + adobe[start + 2 + length :]


def animation(kind: str) -> bytes:
    """Three frames, the scene first."""
    rest = [Image.new("RGB", SIZE, colour) for colour in ("black", "white")]
    return encoded(scene(), kind, save_all=True, append_images=rest, duration=100)


Sample = tuple[bytes, Image.Image]
KINDS: dict[str, Callable[[], Sample]] = {
    "JPEG": lambda: (encoded(scene()), scene()),
    "progressive JPEG": lambda: (encoded(scene(), progressive=True), scene()),
    "JPEG 4:4:4": lambda: (encoded(scene(), subsampling=0), scene()),
    "PNG": lambda: (encoded(scene(), "PNG"), scene()),
    "WebP": lambda: (encoded(scene(), "WEBP", quality=95), scene()),
    "BMP": lambda: (encoded(scene(), "BMP"), scene()),
    "TIFF": lambda: (encoded(scene(), "TIFF"), scene()),
    "AVIF": lambda: (encoded(scene(), "AVIF", quality=95), scene()),
    "RGBA": lambda: half_transparent("RGBA"),
    "LA": lambda: half_transparent("LA"),
    "palette": palette,
    "greyscale JPEG": lambda: (encoded(scene().convert("L")), scene().convert("L")),
    "greyscale PNG": lambda: (encoded(scene().convert("L"), "PNG"), scene().convert("L")),
    "one bit": lambda: (encoded(scene().convert("1"), "PNG"), scene().convert("1")),
    "16-bit PNG": lambda: sixteen_bits("PNG"),
    "16-bit TIFF": lambda: sixteen_bits("TIFF"),
    "Adobe CMYK JPEG": lambda: (encoded(scene().convert("CMYK")), scene()),
    "plain CMYK JPEG": lambda: (plain_cmyk(), scene()),
    "CMYK TIFF": lambda: (encoded(scene().convert("CMYK"), "TIFF"), scene()),
    "animated GIF": lambda: (animation("GIF"), scene()),
    "animated WebP": lambda: (animation("WEBP"), scene()),
    "animated PNG": lambda: (animation("PNG"), scene()),
}


@functools.cache
def sample(kind: str) -> Sample:
    """The file of an image of a kind, and how it looks."""
    return KINDS[kind]()
