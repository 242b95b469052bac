"""Pillow images as the embedder sees image files."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitrina.errors import UserError
from vitrina.images.from_memory import as_rgb
from vitrina.images.load import read_image

ORIENTATION = 0x0112


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_it_equals_the_image_read_from_a_file(mode: str, tmp_path: Path) -> None:
    """Whatever its mode."""
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (40, 30, 4), dtype=np.uint8), "RGBA")
    if mode == "F":
        image = Image.fromarray(rng.random((40, 30), dtype=np.float32))
    elif mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65_535, (40, 30), dtype=np.uint16))
    else:
        image = (noise if mode in ("LA", "RGBA") else noise.convert("RGB")).convert(mode)
    path = tmp_path / ("a.tiff" if mode in ("CMYK", "F") else "a.png")
    image.save(path)
    with Image.open(path) as opened:
        np.testing.assert_array_equal(np.asarray(as_rgb(opened)), np.asarray(read_image(path)))
    assert as_rgb(image).mode == "RGB"


def test_it_is_upright_and_on_white(tmp_path: Path) -> None:
    """EXIF rotation is applied, transparency is white, and modes of no file format work."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.new("RGB", (40, 20), "red").save(tmp_path / "turned.jpg", exif=exif)
    with Image.open(tmp_path / "turned.jpg") as turned:
        assert as_rgb(turned).size == (20, 40)
    pixel = as_rgb(Image.new("RGBA", (8, 8), (0, 0, 0, 0))).getpixel((4, 4))
    assert min(pixel) > 250  # type: ignore[type-var,arg-type]  # three channels
    assert as_rgb(Image.new("HSV", (8, 8))).mode == "RGB"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """Pillow notices only when the pixels are needed."""
    buffer = io.BytesIO()
    Image.effect_noise((200, 200), 50).convert("RGB").save(buffer, "PNG")
    (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:3_000])
    with (
        Image.open(tmp_path / "cut.png") as image,
        pytest.raises(UserError, match=r"cut\.png is not a readable image"),
    ):
        as_rgb(image)
