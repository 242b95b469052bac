"""Pillow images as the embedder sees image files: RGB, upright, transparent parts white."""

import tempfile
from pathlib import Path

from PIL import ExifTags, Image

from vitrina.errors import UserError
from vitrina.images.load import DECODE_ERRORS, read_image

# Modes that a PNG or a TIFF keeps; any other, such as YCbCr, has no transparency to lose.
KEPT_AS = dict.fromkeys(("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"), "PNG") | dict.fromkeys(
    ("CMYK", "F"), "TIFF"
)


def as_rgb(image: Image.Image) -> Image.Image:
    """The image in RGB, exactly as if it had been read from a file.

    Raises UserError if its file is damaged, which Pillow notices only now.
    """
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        if image.mode in ("RGB", "L") and not turned and not image.has_transparency_data:
            return image.convert("RGB")
        saved = image if image.mode in KEPT_AS else image.convert("RGB")
        with tempfile.TemporaryDirectory(prefix="vitrina-") as scratch:
            path = Path(scratch) / "image"
            saved.save(path, KEPT_AS[saved.mode], exif=image.getexif())
            return read_image(path)
    except DECODE_ERRORS as error:
        name = getattr(image, "filename", "") or "An image in memory"
        raise UserError(f"{name} is not a readable image: {error}") from error
