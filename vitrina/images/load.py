"""Images to the pixels that ruCLIP sees."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from upath import UPath

from vitrina.config import ResizeConfig
from vitrina.errors import UserError
from vitrina.images.resize_image import FORMATS, ORIENTATION, RejectedImageError, resize_image
from vitrina.store.files import local_read
from vitrina.store.paths import to_path

ResizeMode = Literal["crop", "pad", "squash"]
DAMAGE = (OSError, EOFError, ValueError, SyntaxError, struct.error)  # what Pillow raises
LARGE = ResizeConfig(default_image_size=(2_000, 2_000), quality=98)  # beyond any ruCLIP


def square_image(
    image: Image.Image, resolution: int, resize_mode: ResizeMode = "crop"
) -> npt.NDArray[np.uint8]:
    """An RGB image as uint8 (3, resolution, resolution).

    ``crop`` takes the centre square, as ruclip's transform does; ``pad`` keeps the whole image
    with white beside it; ``squash`` changes its aspect.
    """
    if resize_mode == "crop":
        image = _centre_square(image)
    if resize_mode == "pad":
        image = _on_white_square(image, resolution)
    image = image.resize((resolution, resolution), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def _centre_square(image: Image.Image) -> Image.Image:
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
    """The image as RGB, upright and on white; UserError naming the file if it has no image.

    What ``resize`` wrote, and every plain image, is decoded as ruclip's users do, by Pillow.
    """
    place = path if isinstance(path, UPath) else to_path(path)
    with local_read(place) as local:
        try:
            with Image.open(local, formats=FORMATS) as image:
                if _is_plain(image):
                    return image.convert("RGB")
            return Image.open(io.BytesIO(resize_image(local.read_bytes(), LARGE))).convert("RGB")
        except (*DAMAGE, Image.DecompressionBombError) as error:
            raise UserError(f"{place} is no readable image: {error}") from error
        except RejectedImageError as error:
            raise UserError(f"{place} is no readable image: {error.reason}") from error


def _is_plain(image: Image.Image) -> bool:
    """Whether Pillow's own conversion to RGB shows the image as it is meant."""
    turned = image.getexif().get(ORIENTATION, 1) != 1
    return image.mode in ("RGB", "L", "P") and not image.has_transparency_data and not turned


def normalize(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """float32 (batch, 3, R, R) for ``clip.encode_image`` from uint8 pixels, on their device."""
    shape = (3, 1, 1)
    centre = torch.tensor(mean, dtype=torch.float32, device=pixels.device).view(shape)
    spread = torch.tensor(std, dtype=torch.float32, device=pixels.device).view(shape)
    return pixels.float().div_(255).sub_(centre).div_(spread)
