"""One image: encoded bytes in, a resized RGB JPEG out, or the reason why not.

JPEGs, the bulk of every catalogue, are decoded by libjpeg-turbo at a reduced scale; every other
format, and the rarest JPEGs, by Pillow. Both give up the interpreter while they work, so threads
fill the cores.
"""

import io
from typing import Literal

import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import Image, ImageCms

from vitrina.config import ResizeConfig

Pixels = npt.NDArray[np.uint8]
Size = tuple[int, int]
Reason = Literal["empty_image", "unreadable_image", "truncated_image", "too_large_image"]

# What shops have. Pillow knows more formats, of which EPS would start Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"RIFF")
DAMAGE = ("Premature end", "Corrupt JPEG data")  # what libjpeg calls it
ORIENTATION = 0x0112  # the EXIF tag

# A scaled decode keeps at least this many times the wanted pixels per side, for the filter that
# follows: with 1.5 the result has an SSIM of 0.99 to a full decode with Lanczos, with 1.1 of 0.97.
MARGIN = 1.5
SCALES = (8, 4, 2)  # the divisors for which libjpeg-turbo has fast code


class RejectedImageError(Exception):
    """The bytes make no image that can be used.

    Reasons: ``empty_image`` no bytes; ``unreadable_image`` no image, or of a format that
    shops do not have; ``truncated_image`` it begins as an image and is cut off or damaged;
    ``too_large_image`` more pixels than allowed.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def resize_image(data: bytes, config: ResizeConfig) -> bytes:
    """The image as an upright RGB JPEG that fits within ``config.default_image_size``.

    The aspect is kept, nothing is enlarged. Transparency becomes white, an animation its first
    frame, and colours sRGB where the image brings another profile. Raises RejectedImageError.
    """
    if not data:
        raise RejectedImageError("empty_image")
    with _open(data) as image:
        if image.width * image.height > config.max_pixels:
            raise RejectedImageError("too_large_image")
        pixels, orientation = _decode(data, image, config.default_image_size)
        profile = image.info.get("icc_profile")
    height, width, _ = pixels.shape
    small = _resize(pixels, _fit((width, height), config.default_image_size, orientation))
    upright = _upright(_to_srgb(small, profile), orientation)
    jpeg: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(upright), config.quality, colorsubsampling="444"
    )
    return jpeg


def _open(data: bytes) -> Image.Image:
    """The image's header; nothing is decoded yet."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except MemoryError:
        raise
    except Image.DecompressionBombError as error:
        raise RejectedImageError("too_large_image") from error
    except Exception as error:
        known = data.startswith(SIGNATURES)
        raise RejectedImageError("truncated_image" if known else "unreadable_image") from error


def _decode(data: bytes, image: Image.Image, box: Size) -> tuple[Pixels, int]:
    """The pixels, (height, width, 3) RGB or (height, width, 4) CMYK, and the EXIF orientation."""
    orientation = _orientation(image)
    pixels = _decode_jpeg(data, image, box, orientation)
    if pixels is not None:
        return pixels, orientation
    try:
        image.load()
        pixels = np.array(_flatten(image))
    except MemoryError:
        raise
    except Exception as error:
        raise RejectedImageError("truncated_image") from error
    return pixels, _orientation(image)  # Pillow has turned a TIFF by now


def _decode_jpeg(data: bytes, image: Image.Image, box: Size, orientation: int) -> Pixels | None:
    """The pixels at a reduced scale; None for what is no JPEG or one that libjpeg-turbo refuses.

    Pillow takes the first half of a JPEG with an end marker for a whole one, and the rest is grey;
    ``strict`` does not.
    """
    if image.format not in ("JPEG", "MPO"):
        return None
    width, height = _fit(image.size, box, orientation)
    least = MARGIN * width, MARGIN * height
    scale = next(
        (s for s in SCALES if image.width >= s * least[0] and image.height >= s * least[1]), 1
    )
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(
            data,
            "CMYK" if image.mode == "CMYK" else "RGB",
            min_width=-(-image.width // scale),
            min_height=-(-image.height // scale),
            strict=True,
        )
    except ValueError as error:
        if str(error).startswith(DAMAGE):
            raise RejectedImageError("truncated_image") from error
        return None
    if image.mode == "CMYK" and "adobe" in image.info:
        return 255 - pixels  # Adobe stores ink inverted
    return pixels


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001 - damaged metadata make no damaged image
        return 1
    return value if value in range(1, 9) else 1


def _flatten(image: Image.Image) -> Image.Image:
    """RGB or CMYK, whatever the mode; what is transparent becomes white."""
    if image.mode == "CMYK":
        return image
    if image.mode == "F" or image.mode.startswith("I"):
        image = _eight_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(seen, mask=seen)
    return white


def _eight_bits(image: Image.Image) -> Image.Image:
    """Greyscale of 16 bits, or of floats from 0 to 1, as 8 bits; Pillow itself would clip."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        return Image.fromarray((np.nan_to_num(values).clip(0, 1) * 255).astype(np.uint8))
    return Image.fromarray((values.clip(0, 65535) >> 8).astype(np.uint8))


def _fit(size: Size, box: Size, orientation: int = 1) -> Size:
    """The size within the box, before an image of this orientation is turned upright."""
    width, height = size
    across, down = box if orientation < 5 else box[::-1]
    scale = min(1.0, across / width, down / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resize(pixels: Pixels, size: Size) -> Pixels:
    """Bicubic with antialiasing, as Pillow does it to one grey level, at seven times its speed."""
    # torch costs seconds; a run with no image to resize goes without it
    import torch
    from torch.nn.functional import interpolate

    width, height = size
    if pixels.shape[:2] == (height, width):
        return pixels
    batch = torch.from_numpy(pixels).unsqueeze(0).permute(0, 3, 1, 2)
    small = interpolate(batch, size=(height, width), mode="bicubic", antialias=True)
    result: Pixels = small.permute(0, 2, 3, 1)[0].numpy()
    return result


def _to_srgb(pixels: Pixels, profile: bytes | None) -> Pixels:
    """RGB pixels in sRGB, by the image's own colour profile where it brings one."""
    height, width, channels = pixels.shape
    mode = "CMYK" if channels == 4 else "RGB"
    is_srgb = profile is None or b"sRGB" in profile or b"s\0R\0G\0B" in profile
    if mode == "RGB" and is_srgb:
        return pixels
    image = Image.frombytes(mode, (width, height), pixels.tobytes())
    return np.array(_by_profile(image, profile) or image.convert("RGB"))


def _by_profile(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    if profile is None:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != image.mode:
            return None
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return None  # a damaged profile makes no damaged image; browsers ignore it too


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """The pixels turned and mirrored as the EXIF orientation, 1 to 8, says."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels
