"""Decode one image: encoded bytes in, pixels out, or the reason why it is rejected.

JPEGs, the bulk of every catalogue, are decoded by libjpeg-turbo at a reduced scale; other formats,
and the rare JPEGs that it does not support, by Pillow. Both release the GIL while they work, so
threads fill the cores. What they refuse is repaired, if no pixels are missing, and decoded again.
"""

import io
from collections.abc import Callable, Iterator
from threading import Lock
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image

from vitrina.catalog.rejection import RejectionReason
from vitrina.images.jpeg_repair import repair_jpeg
from vitrina.images.png_repair import PNG_SIGNATURE, has_wrong_checksum, repair_png
from vitrina.images.rejected import RejectedImageError
from vitrina.images.webp_repair import is_webp, repair_webp

Pixels = npt.NDArray[np.uint8]
Size = tuple[int, int]

# Formats that shops use. Pillow reads more, such as EPS, which would start Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
JPEG_SIGNATURE = b"\xff\xd8\xff"
ORIENTATION = 0x0112  # the EXIF tag

# A scaled decode keeps at least this many times the target's pixels per side, for the filter that
# follows: against a full decode with Lanczos, 1.5 gives an SSIM of 0.99 and 1.1 one of 0.97.
MARGIN = 1.5
SCALES = (8, 4, 2)  # the divisors for which libjpeg-turbo has fast code

T = TypeVar("T")
_limit_lock = Lock()  # over Pillow's limit of pixels


class Decoded(NamedTuple):
    """Pixels, not yet turned upright, with what the file says of them."""

    pixels: Pixels  # (height, width, 3) RGB or (height, width, 4) CMYK
    orientation: int  # as in EXIF, 1 to 8
    profile: bytes | None  # the ICC colour profile


def decode_image(data: bytes, box: Size, max_pixels: int) -> Decoded:
    """The image's pixels, a JPEG's perhaps at a scale that suffices to fit it within ``box``.

    Metadata, stray bytes and a missing end mark do not matter if all pixels are there. Raises
    RejectedImageError; an image of more than ``max_pixels`` is not decoded.
    """
    if not data:
        raise RejectedImageError(RejectionReason.EMPTY_IMAGE)
    try:
        return _decode(data, box, max_pixels)
    except RejectedImageError as error:
        if error.reason == RejectionReason.TOO_LARGE_IMAGE:
            raise
        rejected = error
    for repaired in _repaired(data, max_pixels):
        try:
            return _decode(repaired, box, max_pixels, is_repaired=True)
        except RejectedImageError as error:
            rejected = error
    raise rejected


def _repaired(data: bytes, max_pixels: int) -> Iterator[bytes]:
    """The image without its damage, the best way first. Raises RejectedImageError."""
    if data.startswith(JPEG_SIGNATURE):
        yield repair_jpeg(data)
    elif data.startswith(PNG_SIGNATURE):
        yield repair_png(data, max_pixels, with_metadata=True)
        yield repair_png(data, max_pixels, with_metadata=False)
    elif is_webp(data):
        yield repair_webp(data, with_metadata=True)
        yield repair_webp(data, with_metadata=False)


def _decode(data: bytes, box: Size, max_pixels: int, *, is_repaired: bool = False) -> Decoded:
    with _open(data, max_pixels, is_repaired=is_repaired) as image:
        if image.width * image.height > max_pixels:
            raise RejectedImageError(RejectionReason.TOO_LARGE_IMAGE)
        profile = image.info.get("icc_profile")
        if image.format in ("JPEG", "MPO"):
            orientation = _orientation(image)
            pixels = _decode_jpeg(data, image, box, orientation, is_repaired=is_repaired)
            if pixels is not None:
                return Decoded(pixels, orientation, profile)
        if image.format == "PNG" and not is_repaired and has_wrong_checksum(data):
            raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE)
        pixels = _load(image, max_pixels)
        # Only now: Pillow turns a TIFF when it loads it, and loads a PNG for its orientation.
        return Decoded(pixels, _orientation(image), profile)


def _open(data: bytes, max_pixels: int, *, is_repaired: bool) -> Image.Image:
    """The image's header; nothing is decoded yet."""
    try:
        return _with_limit(lambda: Image.open(io.BytesIO(data), formats=FORMATS), max_pixels)
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:
        raise RejectedImageError(RejectionReason.TOO_LARGE_IMAGE) from error
    except Exception as error:
        is_cut = not is_repaired and _is_cut_in_header(data)
        raise RejectedImageError(
            RejectionReason.TRUNCATED_IMAGE if is_cut else RejectionReason.UNREADABLE_IMAGE
        ) from error


def _is_cut_in_header(data: bytes) -> bool:
    """Whether bytes that are not recognized as an image begin as one and end too early."""
    if data.startswith((JPEG_SIGNATURE, PNG_SIGNATURE)):
        return True  # an attempt to repair it tells more
    if data.startswith(b"GIF8"):
        return not data.endswith(b";")
    if is_webp(data):
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data.startswith((b"II*\0", b"MM\0*")):  # TIFF: where its directory is
        return int.from_bytes(data[4:8], "little" if data[:1] == b"I" else "big") >= len(data)
    return data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis") and _has_cut_box(data)


def _has_cut_box(data: bytes) -> bool:
    """Whether a box of an AVIF is longer than the rest of the file."""
    position = 0
    while (size := int.from_bytes(data[position : position + 4])) >= 8:
        position += size
    return position > len(data)


def _with_limit(read: Callable[[], T], max_pixels: int) -> T:
    """The result of reading an image with Pillow, whose own limit may be lower than ours.

    Pillow's limit holds for the whole process. So it is raised, never switched off, only for an
    image that it refuses, one at a time.
    """
    try:
        return read()
    except Image.DecompressionBombError:
        with _limit_lock:
            usual = Image.MAX_IMAGE_PIXELS
            try:
                Image.MAX_IMAGE_PIXELS = -(-max_pixels // 2)  # Pillow refuses twice as many
                return read()
            finally:
                Image.MAX_IMAGE_PIXELS = usual


def _load(image: Image.Image, max_pixels: int) -> Pixels:
    try:
        _with_limit(image.load, max_pixels)
        return np.array(_flatten(image))
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:
        raise RejectedImageError(RejectionReason.TOO_LARGE_IMAGE) from error
    except Exception as error:
        raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE) from error


def _decode_jpeg(
    data: bytes, image: Image.Image, box: Size, orientation: int, *, is_repaired: bool
) -> Pixels | None:
    """The pixels at a reduced scale; None for a repaired JPEG that libjpeg-turbo cannot decode.

    Raises RejectedImageError for any other that it refuses. Pillow accepts half a JPEG that ends
    with an end marker and fills the rest with grey; ``strict`` refuses it.
    """
    scale = decoding_scale(image.size, fitted_size(image.size, box, orientation))
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(
            data,
            "CMYK" if image.mode == "CMYK" else "RGB",
            min_width=-(-image.width // scale),
            min_height=-(-image.height // scale),
            strict=True,
        )
    except ValueError as error:
        if is_repaired:
            return None
        raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE) from error
    if image.mode == "CMYK" and "adobe" in image.info:
        return 255 - pixels  # Adobe stores ink inverted
    return pixels


def decoding_scale(size: Size, target: Size) -> int:
    """By how much a JPEG of ``size`` can be reduced while it is decoded, to be resized further."""
    smallest = MARGIN * target[0], MARGIN * target[1]
    return next((s for s in SCALES if size[0] >= s * smallest[0] and size[1] >= s * smallest[1]), 1)


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - damaged metadata do not make the image unusable
        return 1
    return value if value in range(1, 9) else 1


def _flatten(image: Image.Image) -> Image.Image:
    """The image in RGB, or CMYK if it is that, with transparent parts white."""
    if image.mode == "CMYK":
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image)
    if not image.has_transparency_data or _is_opaque_bitmap(image):
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(rgba, mask=rgba)
    return white


def _is_opaque_bitmap(image: Image.Image) -> bool:
    """Whether it is a BMP that reserves bytes for alpha and leaves them zero."""
    return image.format == "BMP" and image.getchannel("A").getextrema() == (0, 0)


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit greyscale, or floats from 0 to 1, as 8-bit greyscale; Pillow itself would clip."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        return Image.fromarray((np.nan_to_num(values).clip(0, 1) * 255).astype(np.uint8))
    return Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))


def fitted_size(size: Size, box: Size, orientation: int = 1) -> Size:
    """The size at which an image, once it is turned upright, fits within the box."""
    width, height = size
    box_width, box_height = box if orientation < 5 else box[::-1]
    scale = min(1.0, box_width / width, box_height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))
