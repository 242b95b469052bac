"""Flaws: which rows have one, and what a flawed text or image file looks like."""

import io
from collections import Counter
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageOps

from vitrina.catalog.normalize import is_missing, normalize_text
from vitrina.catalog.rejection import RejectionReason
from vitrina.config.images import ResizeConfig
from vitrina.demo.drawing import draw_image
from vitrina.demo.flaws import ALTERNATES, FLAWS, flawed_text, image_file, plan_flaws
from vitrina.images.rejected import RejectedImageError
from vitrina.images.resize_image import resize_image


@pytest.fixture(scope="module")
def image() -> Image.Image:
    """A drawn image without a flaw."""
    return draw_image("мяч", "синий", "в клетку", Random(5))


def test_every_reason_that_a_parquet_file_with_integer_ids_allows_occurs() -> None:
    """A new reason of rejection needs a flaw that leads to it, or a line in the module's text."""
    impossible = {
        RejectionReason.INVALID_ID,
        RejectionReason.UNSAFE_PATH,
        RejectionReason.MALFORMED_ROW,
        RejectionReason.NO_IMAGE_VALUE,
        RejectionReason.INVALID_IMAGE_VALUE,
        RejectionReason.NOT_FOUND_URL,
        RejectionReason.REFUSED_URL,
        RejectionReason.FAILED_DOWNLOAD,
    }
    assert {reason for reason in FLAWS.values() if reason} == set(RejectionReason) - impossible


def test_every_second_round_has_the_alternates() -> None:
    """All flaws occur about equally often, the alternates and those they replace half as often."""
    counts = Counter(plan_flaws(1_200, 0.05, seed=0).values())
    halved = {*ALTERNATES, *ALTERNATES.values()}
    assert {flaw: counts[flaw] for flaw in FLAWS} == {
        flaw: 2 if flaw in halved else 4 for flaw in FLAWS
    }


def test_alternates_replace_rows_that_are_rejected_anyway() -> None:
    """So they change neither the rows that are kept nor the figures measured on them."""
    assert all(FLAWS[flaw] and FLAWS[alternate] for flaw, alternate in ALTERNATES.items())


def test_the_first_row_has_no_flaw() -> None:
    """A repeated id needs an earlier row without one; even if every row is to be flawed."""
    assert sorted(plan_flaws(50, 1, seed=0)) == list(range(1, 50))
    assert plan_flaws(1, 1, seed=0) == {}


@pytest.mark.parametrize("way", ["null", "blank", "nan"])
def test_a_missing_text_says_nothing_once_cleaned(way: str) -> None:
    """Only the column that the flaw names is concerned."""
    text = flawed_text("Ваза", "title", f"{way}_title")
    assert text is None or is_missing(normalize_text(text))
    assert flawed_text("Ваза", "title", f"{way}_description") == "Ваза"
    assert flawed_text("Ваза", "title", None) == "Ваза"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    "flaw", ["empty_file", "text_file", "cut_jpeg", "oversized_png", "no_image", "null_id"]
)
def test_a_spoilt_file_is_rejected_for_its_reason(image: Image.Image, flaw: str) -> None:
    """Resizing finds what was planted; a row without an image, or an id to name it, has no file."""
    content = image_file(image, flaw, 90)
    if content is None:
        assert FLAWS[flaw] in ("missing_image", "missing_id")
        return
    with pytest.raises(RejectedImageError) as error:
        resize_image(content, ResizeConfig())
    assert error.value.reason == FLAWS[flaw]
    assert len(content) < 100_000


def test_repaired_images_still_show_the_goods(image: Image.Image) -> None:
    """Flawed images that are kept open as what they claim to be, and show the goods upright."""
    plain = np.asarray(image, dtype=np.int16)
    modes = {"rgba_png": "RGBA", "cmyk_jpeg": "CMYK", "grey_jpeg": "L", "turned_jpeg": "RGB"}
    for flaw, mode in modes.items():
        content = image_file(image, flaw, 90)
        assert content is not None
        with Image.open(io.BytesIO(content)) as opened:
            assert opened.mode == mode
            shown = ImageOps.exif_transpose(opened)
        assert shown.size == image.size
        middle = tuple(slice(side // 3, 2 * side // 3) for side in plain.shape[:2])
        expected = np.asarray(image.convert("L").convert("RGB")) if mode == "L" else plain
        difference = np.asarray(shown.convert("RGB"), np.int16)[middle] - expected[middle]
        assert np.abs(difference).mean() < 8, flaw
