"""Size and sharpness of images, measured once."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from tests.support.flawed_listings import UNREADABLE, FlawedListings
from vitrina.health import image_measures as module
from vitrina.health.image_measures import ImageMeter, empty, measure_image, read_parts
from vitrina.store.paths import to_path


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    """The file of an image."""
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def test_sharpness_falls_with_blur_and_not_with_contrast() -> None:
    """Size is that of the file; one colour has no sharpness."""
    noise = np.random.default_rng(0).integers(0, 255, (12, 9, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((90, 120), Image.Resampling.NEAREST)
    width, height, sharp = measure_image(encoded(image))
    assert (width, height) == (90, 120)
    blurred = [
        measure_image(encoded(image.filter(ImageFilter.GaussianBlur(radius))))[2]
        for radius in (1, 3, 6)
    ]
    assert sharp > blurred[0] > 3 * blurred[1] > 3 * blurred[2]
    pale = measure_image(encoded(ImageEnhance.Contrast(image).enhance(0.3)))[2]
    assert pale == pytest.approx(sharp, rel=0.1)
    assert np.isnan(measure_image(encoded(Image.new("L", (50, 50), 200)))[2])
    assert np.isnan(measure_image(encoded(Image.new("RGBA", (2, 1))))[2])
    assert measure_image(encoded(image, "JPEG"))[2] == pytest.approx(sharp, rel=0.1)


def test_images_are_opened_once(
    listings: FlawedListings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed run goes on with the next file; another run opens only what is new to it."""
    monkeypatch.setattr(module, "BATCH_ROWS", 200)
    opened: list[bytes] = []
    real = module.measure_image

    def counting(data: bytes) -> tuple[int, int, float]:
        opened.append(data)
        if len(opened) == 500:
            raise KeyboardInterrupt
        return real(data)

    monkeypatch.setattr(module, "measure_image", counting)
    meter = ImageMeter(listings.table, to_path(tmp_path / "run"), empty())
    with pytest.raises(KeyboardInterrupt):
        meter.measure(900)
    before = len(opened)
    measures, names = meter.measure(900)
    assert len(opened) - before <= 900 - 400
    assert len(names) == 5
    assert measures.width[UNREADABLE] == 0
    assert (measures.longer_side[:300] == 96).all()
    opened.clear()
    again = ImageMeter(listings.table, to_path(tmp_path / "other"), measures)
    found, names = again.measure(900)
    assert not opened
    for one, other in zip(found, measures, strict=True):
        np.testing.assert_array_equal(one, other)
    stored = read_parts([to_path(tmp_path / "other" / name) for name in names])
    np.testing.assert_array_equal(stored.sharpness, measures.sharpness)
