"""Image files to the pixels that ruCLIP sees."""

import io
import struct
from pathlib import Path
from typing import Literal, assert_never

import numpy as np
import numpy.typing as npt
from PIL import Image
from upath import UPath

from vitrina.config.images import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.decode_image import FORMATS, ORIENTATION
from vitrina.images.rejected import RejectedImageError
from vitrina.images.resize_image import resize_image
from vitrina.store.files import read_bytes
from vitrina.store.paths import to_path

ResizeMode = Literal["shortest", "longest", "squash"]
# Pillow raises these for damaged files, next to DecompressionBombError.
DECODE_ERRORS = (OSError, EOFError, ValueError, SyntaxError, struct.error)
# All that reading an image raises, UserError if there is none.
UNREADABLE = (UserError, *DECODE_ERRORS, Image.DecompressionBombError)
# A box larger than any ruCLIP's input: only orientation, transparency and colours are corrected.
FULL_SIZE = ResizeConfig(default_image_size=(2_000, 2_000), quality=98)


def load_pixels(
    path: str | Path | UPath, resolution: int, resize_mode: ResizeMode
) -> npt.NDArray[np.uint8]:
    """An image file, local or s3://, as uint8 (3, resolution, resolution) RGB.

    Raises UserError naming the file if it cannot be decoded.
    """
    return square_image(read_image(path), resolution, resize_mode)


def square_image(
    image: Image.Image, resolution: int, resize_mode: ResizeMode = "shortest"
) -> npt.NDArray[np.uint8]:
    """An RGB image as uint8 (3, resolution, resolution).

    ``shortest`` crops the centre square, as ruclip's transform does; ``longest`` keeps the whole
    image and pads it with white; ``squash`` changes its aspect ratio.
    """
    match resize_mode:
        case "shortest":
            image = _center_square(image)
        case "longest":
            image = _on_white_square(image, resolution)
        case "squash":
            pass
        case _:
            assert_never(resize_mode)
    image = image.resize((resolution, resolution), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def _center_square(image: Image.Image) -> Image.Image:
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _on_white_square(image: Image.Image, resolution: int) -> Image.Image:
    scale = resolution / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    canvas = Image.new("RGB", (resolution, resolution), "white")
    small = image.resize((width, height), Image.Resampling.BILINEAR)
    canvas.paste(small, ((resolution - width) // 2, (resolution - height) // 2))
    return canvas


def read_image(path: str | Path | UPath) -> Image.Image:
    """An image file as RGB, upright, its transparent parts white.

    Plain images, which includes all that ``resize`` writes, are decoded by Pillow alone, as users
    of ruclip do. Raises UserError naming the file if it cannot be decoded.
    """
    upath = path if isinstance(path, UPath) else to_path(path)
    return image_from_bytes(read_bytes(upath), str(upath))


def image_from_bytes(data: bytes, name: str, config: ResizeConfig = FULL_SIZE) -> Image.Image:
    """The content of an image file as ``read_image`` reads it; ``name`` is that in errors.

    Of the parameters only ``max_pixels`` counts for a plain image.
    """
    try:
        image = _plain_image(data, config.max_pixels)
        if image is None:
            image = Image.open(io.BytesIO(resize_image(data, config))).convert("RGB")
        return image
    except RejectedImageError as error:
        raise UserError(f"{name} is not a readable image: {error.reason}") from error


def _plain_image(data: bytes, max_pixels: int) -> Image.Image | None:
    """The image by Pillow alone; None if it needs correction or repair, or is too large."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            plain = _is_plain(image) and image.width * image.height <= max_pixels
            return image.convert("RGB") if plain else None
    except (*DECODE_ERRORS, Image.DecompressionBombError):
        return None


def _is_plain(image: Image.Image) -> bool:
    """Whether Pillow's own conversion suffices: 8 bits, no CMYK, not rotated or transparent."""
    turned = image.getexif().get(ORIENTATION, 1) != 1
    return image.mode in ("RGB", "L", "P") and not image.has_transparency_data and not turned
