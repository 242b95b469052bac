"""Which damaged WebPs are repaired, and which are rejected."""

import struct

import numpy as np
import pytest

from tests.support.image_damage import pixels
from tests.support.image_kinds import animation, encoded, scene
from vitrina.images.rejected import RejectedImageError
from vitrina.images.webp_repair import is_webp, repair_webp

KINDS = {
    "lossy": encoded(scene(), "WEBP"),
    "lossless": encoded(scene(), "WEBP", lossless=True),
    "extended": encoded(scene().convert("RGBA"), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
}


@pytest.mark.parametrize("size", [0, 100, 10**6])
@pytest.mark.parametrize("kind", KINDS)
def test_the_stated_size_of_the_file_does_not_matter(kind: str, size: int) -> None:
    """The chunks tell where the image ends."""
    good = KINDS[kind]
    repaired = repair_webp(good[:4] + struct.pack("<I", size) + good[8:], with_metadata=True)
    assert repaired == good


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_is_cut_is_rejected(kind: str) -> None:
    """However little of it is missing; half of its frames are enough for an animation."""
    for part in (0.1, 0.5, 0.9):
        with pytest.raises(RejectedImageError, match="truncated_image"):
            repair_webp(KINDS[kind][: int(part * len(KINDS[kind]))], with_metadata=True)
    moving = animation("WEBP")
    assert is_webp(repair_webp(moving[:-10], with_metadata=True))


def test_cut_metadata_after_the_image_are_dropped() -> None:
    """The header no longer announces them."""
    repaired = repair_webp(KINDS["extended"][:-3], with_metadata=True)
    assert b"EXIF" not in repaired
    assert np.array_equal(pixels(repaired), pixels(KINDS["extended"]))
    assert repair_webp(KINDS["extended"], with_metadata=False) == repaired
