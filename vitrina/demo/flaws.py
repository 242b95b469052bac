"""What is wrong with some rows, as in every real catalogue, planted on purpose and counted."""

import io
from random import Random

from PIL import Image, ImageDraw

# Each flaw, and the reason for which its row is rejected; a row with None is put right and kept.
FLAWS: dict[str, str | None] = {
    "null_title": "missing_title",
    "blank_title": "missing_title",
    "nan_title": "missing_title",
    "null_description": "missing_description",
    "blank_description": "missing_description",
    "nan_description": "missing_description",
    "repeated_id": "duplicate_id",
    "no_image": "missing_image",
    "empty_file": "empty_image",
    "text_file": "unreadable_image",
    "cut_jpeg": "truncated_image",
    "rgba_png": None,
    "cmyk_jpeg": None,
    "grey_jpeg": None,
    "turned_jpeg": None,
}
ORIENTATION = 0x0112  # the EXIF tag
MISSING_TEXTS: dict[str, str | None] = {"null": None, "blank": " \u200b ", "nan": "nan"}


def plant(products: int, share: float, seed: int) -> dict[int, str]:
    """Which rows have which flaw: ``share`` of them, the flaws in turn; the first row has none."""
    count = min(round(products * share), products - 1)
    rows = Random(f"{seed}/dirt").sample(range(1, products), count)
    names = list(FLAWS)
    return {row: names[i % len(names)] for i, row in enumerate(rows)}


def soiled_text(text: str, column: str, flaw: str | None) -> str | None:
    """The text, or what stands for a missing one if the row's flaw concerns this column."""
    if flaw is None or not flaw.endswith(f"_{column}"):
        return text
    return MISSING_TEXTS[flaw.removesuffix(f"_{column}")]


def image_file(image: Image.Image, flaw: str | None, quality: int) -> bytes | None:
    """The content of the image's file, spoilt by a flaw of images; None: there is no file."""
    match flaw:
        case "no_image":
            return None
        case "empty_file":
            return b""
        case "text_file":
            return b"<html><body>404 Not Found</body></html>"
        case "cut_jpeg":
            whole = _jpeg(image, quality)
            return whole[: len(whole) * 6 // 10]
        case "rgba_png":
            return _cut_out(image)
        case "cmyk_jpeg":
            return _jpeg(image.convert("CMYK"), quality)
        case "grey_jpeg":
            return _jpeg(image.convert("L"), quality)
        case "turned_jpeg":
            exif = Image.Exif()
            exif[ORIENTATION] = 6  # to be shown turned clockwise
            return _jpeg(image.transpose(Image.Transpose.ROTATE_90), quality, exif)
    return _jpeg(image, quality)


def _jpeg(image: Image.Image, quality: int, exif: Image.Exif | None = None) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, exif=exif or b"")
    return file.getvalue()


def _cut_out(image: Image.Image) -> bytes:
    """A PNG with transparent corners that are black beneath, as graphics programs leave them."""
    width, height = image.size
    window = Image.new("L", image.size)
    box = (0, 0, width - 1, height - 1)
    ImageDraw.Draw(window).rounded_rectangle(box, min(width, height) // 6, fill=255)
    cut = Image.composite(image, Image.new("RGB", image.size), window)
    cut.putalpha(window)
    file = io.BytesIO()
    cut.save(file, "PNG", compress_level=1)
    return file.getvalue()
