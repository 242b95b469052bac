"""Flaws planted in some rows, as real catalogues have them, and the rejections that they cause.

Every reason for which cleaning and resizing reject a row occurs, except those that int64 ids, a
Parquet file and a folder of images named after the ids rule out: ``invalid_id``, ``unsafe_path``,
``malformed_row``, ``no_image_value``, ``invalid_image_value`` and those of URLs.
"""

import io
from functools import cache
from random import Random

from PIL import Image, ImageDraw

from vitrina.catalog.rejection import RejectionReason

# Each flaw with the reason for which its row is rejected; None: it is repaired and the row kept.
FLAWS: dict[str, RejectionReason | None] = {
    "null_title": RejectionReason.MISSING_TITLE,
    "blank_title": RejectionReason.MISSING_TITLE,
    "nan_title": RejectionReason.MISSING_TITLE,
    "null_description": RejectionReason.MISSING_DESCRIPTION,
    "blank_description": RejectionReason.MISSING_DESCRIPTION,
    "nan_description": RejectionReason.MISSING_DESCRIPTION,
    "repeated_id": RejectionReason.DUPLICATE_ID,
    "no_image": RejectionReason.MISSING_IMAGE,
    "empty_file": RejectionReason.EMPTY_IMAGE,
    "text_file": RejectionReason.UNREADABLE_IMAGE,
    "cut_jpeg": RejectionReason.TRUNCATED_IMAGE,
    "rgba_png": None,
    "cmyk_jpeg": None,
    "grey_jpeg": None,
    "turned_jpeg": None,
    "null_id": RejectionReason.MISSING_ID,
    "oversized_png": RejectionReason.TOO_LARGE_IMAGE,
}
# Flaws that are planted in every second round only, in place of others whose rows are rejected as
# well: the rows that are kept, on which the documented figures rest, are the same without them.
ALTERNATES = {"null_title": "null_id", "blank_title": "oversized_png"}
ROUND = tuple(flaw for flaw in FLAWS if flaw not in ALTERNATES.values())

EXIF_ORIENTATION = 0x0112
MISSING_TEXTS: dict[str, str | None] = {"null": None, "blank": " \u200b ", "nan": "nan"}
OVERSIZED = 10_240  # pixels a side: together more than the default of resize.max_pixels


def plan_flaws(products: int, share: float, seed: int) -> dict[int, str]:
    """The flaws of a catalogue by row: ``share`` of the rows have one, never the first row."""
    count = min(round(products * share), products - 1)
    rows = Random(f"{seed}/dirt").sample(range(1, products), count)
    return {row: _flaw(number) for number, row in enumerate(rows)}


def _flaw(number: int) -> str:
    round_number, position = divmod(number, len(ROUND))
    flaw = ROUND[position]
    return ALTERNATES.get(flaw, flaw) if round_number % 2 else flaw


def flawed_text(text: str, column: str, flaw: str | None) -> str | None:
    """The text, or a missing one if the row's flaw concerns this column."""
    if flaw is None or not flaw.endswith(f"_{column}"):
        return text
    return MISSING_TEXTS[flaw.removesuffix(f"_{column}")]


def image_file(image: Image.Image, flaw: str | None, quality: int) -> bytes | None:
    """The content of the image's file, with the row's flaw; None if there is no file."""
    match flaw:
        case "no_image" | "null_id":
            return None
        case "empty_file":
            return b""
        case "text_file":
            return b"<html><body>404 Not Found</body></html>"
        case "cut_jpeg":
            whole = _jpeg(image, quality)
            return whole[: len(whole) * 6 // 10]
        case "oversized_png":
            return _oversized_png()
        case "rgba_png":
            return _transparent_png(image)
        case "cmyk_jpeg":
            return _jpeg(image.convert("CMYK"), quality)
        case "grey_jpeg":
            return _jpeg(image.convert("L"), quality)
        case "turned_jpeg":
            exif = Image.Exif()
            exif[EXIF_ORIENTATION] = 6  # viewers turn it clockwise by 90 degrees
            return _jpeg(image.transpose(Image.Transpose.ROTATE_90), quality, exif)
    return _jpeg(image, quality)


def _jpeg(image: Image.Image, quality: int, exif: Image.Exif | None = None) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, exif=exif or b"")
    return file.getvalue()


def _transparent_png(image: Image.Image) -> bytes:
    """The image with transparent rounded corners, black beneath, as graphics programs save them."""
    width, height = image.size
    opaque = Image.new("L", image.size)
    box = (0, 0, width - 1, height - 1)
    ImageDraw.Draw(opaque).rounded_rectangle(box, min(width, height) // 6, fill=255)
    rounded = Image.composite(image, Image.new("RGB", image.size), opaque)
    rounded.putalpha(opaque)
    file = io.BytesIO()
    rounded.save(file, "PNG", compress_level=1)
    return file.getvalue()


@cache
def _oversized_png() -> bytes:
    """A white image of too many pixels in few bytes, as a scan at the size of a poster."""
    file = io.BytesIO()
    Image.new("1", (OVERSIZED, OVERSIZED), 1).save(file, "PNG")
    return file.getvalue()
