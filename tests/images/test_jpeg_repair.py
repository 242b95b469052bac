"""Which damaged JPEGs are repaired, to the same pixels, and which are rejected."""

import io

import numpy as np
import pytest
import simplejpeg
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.support.image_damage import (
    JPEGS,
    photo,
    pixels,
    scan_data,
    segment,
    segment_starts,
    with_segment,
)
from tests.support.image_kinds import encoded
from vitrina.images.jpeg_repair import repair_jpeg
from vitrina.images.rejected import RejectedImageError

NO_MARKER = st.binary(min_size=1, max_size=64).map(lambda junk: junk.replace(b"\xff", b"\xfe"))
KIND = st.sampled_from(sorted(JPEGS))
METADATA = (*range(0xE0, 0xF0), 0xFE)
NAMES = (b"JFIF\0", b"Exif\0\0", b"ICC_PROFILE\0", b"MPF\0", b"Adobe", b"Photoshop 3.0\0", b"")


def is_kept(damaged: bytes, good: bytes) -> bool:
    """Whether a damaged JPEG decodes without a warning after repair, to the pixels of another."""
    repaired = repair_jpeg(damaged)
    colours = "CMYK" if pixels(good).shape[-1] == 4 else "RGB"
    simplejpeg.decode_jpeg(repaired, colours, strict=True)
    return np.array_equal(pixels(repaired), pixels(good))


def reason(damaged: bytes) -> str:
    """Why a JPEG is rejected."""
    with pytest.raises(RejectedImageError) as caught:
        repair_jpeg(damaged)
    return str(caught.value.reason)


@given(kind=KIND, part=st.floats(0, 1, exclude_max=True), end=st.sampled_from([b"", b"\xff\xd9"]))
@settings(max_examples=300, deadline=None)
def test_a_jpeg_that_is_cut_in_its_data_is_rejected(kind: str, part: float, end: bytes) -> None:
    """Wherever it is cut, with and without an end marker: a block is missing.

    The last byte of a scan may hold nothing but the padding after the last block.
    """
    good = JPEGS[kind]
    first, last = scan_data(good), len(good) - 3
    assert reason(good[: first + int(part * (last - first))] + end) == "truncated_image"


@pytest.mark.parametrize("kind", JPEGS)
def test_a_progressive_jpeg_without_its_last_scans_is_rejected(kind: str) -> None:
    """A file that ends between two scans has every block, but not every bit of them."""
    good = JPEGS[kind]
    for start in list(segment_starts(good))[1:]:
        assert reason(good[:start]) == "truncated_image"


@given(kind=KIND, junk=NO_MARKER, data=st.data())
@settings(max_examples=200, deadline=None)
def test_bytes_between_segments_are_ignored(kind: str, junk: bytes, data: st.DataObject) -> None:
    """Also between the scans of a progressive JPEG."""
    good = JPEGS[kind]
    start = data.draw(st.sampled_from(list(segment_starts(good))))
    assert is_kept(good[:start] + junk + good[start:], good)


@given(kind=KIND, junk=st.binary(max_size=64), end=st.sampled_from([b"", b"\xff\xd9"]))
@settings(max_examples=300, deadline=None)
def test_bytes_after_the_data_are_ignored(kind: str, junk: bytes, end: bytes) -> None:
    """Whatever they are and look like, and whether or not an end marker follows."""
    good = JPEGS[kind]
    assert is_kept(good[:-2] + junk + end, good)


@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"\x20"])
@pytest.mark.parametrize("kind", JPEGS)
def test_padding_of_any_length_after_the_data_is_ignored(kind: str, fill: bytes) -> None:
    """Cameras pad files to the size of a block of the disk."""
    good = JPEGS[kind]
    for count in (1, 2, 7, 8, 9, 100, 20_000):
        assert is_kept(good[:-2] + count * fill + b"\xff\xd9", good)


@pytest.mark.parametrize("fill", [b"\0", b"\x20"])
@pytest.mark.parametrize("kind", JPEGS)
def test_padding_instead_of_the_rest_of_the_data_is_rejected(kind: str, fill: bytes) -> None:
    """A download that was given its full length and stopped: the padding decodes to blocks."""
    good = JPEGS[kind]
    first = scan_data(good)
    for part in np.linspace(0.02, 0.98, 25):
        start = first + int(part * (len(good) - first))
        padded = good[:start] + fill * (len(good) - 2 - start) + b"\xff\xd9"
        assert reason(padded) == "truncated_image"


@given(kind=KIND, marker=st.sampled_from(METADATA), name=st.sampled_from(NAMES), data=st.data())
@settings(max_examples=300, deadline=None)
def test_metadata_may_be_anything(kind: str, marker: int, name: bytes, data: st.DataObject) -> None:
    """Short, garbled and doubled segments of every kind do not reach the decoder."""
    good = JPEGS[kind]
    payload = name[: data.draw(st.integers(0, len(name)))] + data.draw(st.binary(max_size=40))
    is_adobe = marker == 0xEE and payload.startswith(b"Adobe") and len(payload) >= 12
    if not is_adobe:  # which says what the colours are
        assert is_kept(with_segment(marker, payload, kind), good)


def test_unknown_versions_of_known_metadata_are_taken_for_the_usual_ones() -> None:
    """As libjpeg does, with a warning that would hide that blocks are missing."""
    odd = with_segment(0xE0, b"JFIF\0\x09\x09\0\0\1\0\1\0\0")
    adobe = with_segment(0xEE, b"Adobe\0\x64\0\0\0\0\x07")
    for image in (odd, adobe):
        assert is_kept(image, JPEGS["baseline"])
        assert reason(image[: len(image) // 2] + b"\xff\xd9") == "truncated_image"


@pytest.mark.parametrize("parts", [b"\0\0", b"\1\2", b"\2\2", b"\1\1\1\1", b"\1\2\2\3"])
def test_a_profile_with_missing_or_doubled_parts_is_dropped(parts: bytes) -> None:
    """libjpeg-turbo warns of it as of damaged data; browsers ignore it."""
    good = JPEGS["baseline"]
    for start in range(0, len(parts), 2):
        part = segment(0xE2, b"ICC_PROFILE\0" + parts[start : start + 2] + b"profile")
        good = good[:2] + part + good[2:]
    assert is_kept(good, JPEGS["baseline"])


def test_orientation_and_profile_survive() -> None:
    """Exif, XMP and the colour profile are kept; of two Exif segments the first counts."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    other = exif.replace(b"\6\0\0\0\0", b"\3\0\0\0\0")
    profile = b"ICC_PROFILE\0\1\1" + b"profile"
    good = JPEGS["baseline"]
    metadata = segment(0xE1, exif) + segment(0xE1, other) + segment(0xE2, profile)
    repaired = io.BytesIO(repair_jpeg(good[:2] + metadata + good[2:-2]))
    with Image.open(repaired) as image:
        assert image.getexif()[0x0112] == 6
        assert image.info["icc_profile"] == b"profile"


def test_a_height_that_is_told_after_the_data_is_taken() -> None:
    """A scanner that does not know it before (marker DNL)."""
    good = JPEGS["baseline"]
    start = good.index(b"\xff\xc0") + 5
    height = good[start : start + 2]
    late = good[:start] + b"\0\0" + good[start + 2 : -2] + b"\xff\xdc\0\4" + height + b"\xff\xd9"
    assert is_kept(late, good)


def test_missing_restart_intervals_are_noticed() -> None:
    """Stray bytes at the end of an interval do not hide that the ones after it are missing."""
    good = encoded(photo(), restart_marker_rows=1)
    middle = good.index(b"\xff\xd3", scan_data(good))
    assert reason(good[:middle] + b"stray bytes!" * 3 + b"\xff\xd9") == "truncated_image"
    assert is_kept(good[:-2], good)
