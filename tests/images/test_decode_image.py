"""Decoding: limits, transparency, and the reason for which an image is rejected."""

import io
import struct
import threading
from collections.abc import Callable

import numpy as np
import pytest
import simplejpeg
from PIL import Image, PngImagePlugin

from tests.support.image_damage import (
    JPEGS,
    bitmap,
    png_chunk,
    png_chunks,
    png_of,
    with_segment,
)
from tests.support.image_kinds import encoded, scene
from vitrina.images.decode_image import decode_image
from vitrina.images.rejected import RejectedImageError

BOX = (384, 384)
PILLOW_LIMIT = 178_956_970  # twice its MAX_IMAGE_PIXELS
PNG = encoded(scene(), "PNG")
WEBP = encoded(scene(), "WEBP")
AVIF = encoded(scene(), "AVIF")


def reason(data: bytes, max_pixels: int = 10**6) -> str:
    """Why an image is rejected."""
    with pytest.raises(RejectedImageError) as caught:
        decode_image(data, BOX, max_pixels)
    return str(caught.value.reason)


def long_text() -> bytes:
    """A PNG with a text of 2 MB, which Pillow takes for a bomb."""
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "x" * 2_000_000, zip=True)
    return encoded(scene(), "PNG", pnginfo=text)


def png_with(kind: bytes, content: bytes) -> bytes:
    """A PNG with a chunk after its header."""
    header, *rest = png_chunks(PNG)
    return png_of([png_chunk(*header), png_chunk(kind, content), *(png_chunk(*c) for c in rest)])


@pytest.mark.parametrize(
    "data",
    [
        JPEGS["baseline"][:-2],
        JPEGS["baseline"][:20] + b"\0\0\0" + JPEGS["baseline"][20:],
        JPEGS["progressive"][:-2] + bytes(64) + b"\xff\xd9",
        with_segment(0xE2, b"ICC_PROFILE\0"),
        with_segment(0xE0, b"JFIF\0"),
        with_segment(0xEE, b"Adobe"),
        with_segment(0xE2, b"MPF\0"),
        long_text(),
        png_with(b"pHYs", b"\0"),
        png_with(b"gAMA", b""),
        png_with(b"cHRM", b"\0"),
        png_with(b"sRGB", b""),
        png_with(b"acTL", b""),
        png_with(b"iCCP", b"x\0\0garbage"),
        png_with(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
        PNG[:-12],
        WEBP[:4] + struct.pack("<I", len(WEBP) + 50) + WEBP[8:],
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_metadata_and_stray_bytes_do_not_reject_an_image(data: bytes) -> None:
    """It is decoded as a browser shows it."""
    assert decode_image(data, BOX, 10**6).pixels.std() > 20


def twelve_bits() -> bytes:
    """A JPEG that says that it has 12 bits a channel, which nothing here decodes."""
    jpeg = bytearray(JPEGS["baseline"])
    start = jpeg.index(b"\xff\xc0")
    jpeg[start + 1], jpeg[start + 4] = 0xC1, 12
    return bytes(jpeg)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (twelve_bits(), "unreadable_image"),
        (JPEGS["baseline"][:200], "truncated_image"),
        (PNG[:30], "truncated_image"),
        (png_of([png_chunk(b"IHDR", bytes(13)), png_chunk(b"IDAT", b"?")]), "unreadable_image"),
        (b"GIF89a\1\0\1", "truncated_image"),
        (b"GIF89a\1\0\1\0\0\0\0;", "unreadable_image"),
        (WEBP[:100], "truncated_image"),
        (b"RIFF" + struct.pack("<I", 4) + b"WEBP", "truncated_image"),
        (b"RIFF" + struct.pack("<I", 100) + b"WAVEfmt " + bytes(92), "unreadable_image"),
        (encoded(scene(), "TIFF", compression="tiff_lzw")[:2_000], "truncated_image"),
        (AVIF[: len(AVIF) // 2], "truncated_image"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500), "unreadable_image"),
    ],
)
def test_what_is_cut_is_told_from_what_cannot_be_decoded(data: bytes, expected: str) -> None:
    """Truncated is what begins as an image; unreadable is what no decoder here knows."""
    assert reason(data) == expected


def test_a_png_with_damaged_pixels_is_rejected() -> None:
    """Reading its orientation first must not hide the error: it loads the image."""
    data = b"".join(content for kind, content in png_chunks(PNG) if kind == b"IDAT")
    damaged = data[:3_000] + bytes(50) + data[3_050:]
    header = png_chunk(*next(png_chunks(PNG)))
    assert reason(png_of([header, png_chunk(b"IDAT", damaged, b"0000")])) == "truncated_image"
    assert reason(png_of([header, png_chunk(b"IDAT", damaged[:4_000])])) == "truncated_image"


@pytest.mark.parametrize("header", [56, 108, 124])
def test_a_bitmap_whose_alpha_is_all_zero_is_opaque(header: int) -> None:
    """Windows reserves the bytes and leaves them zero."""
    shown = decode_image(bitmap(0, header), BOX, 10**6).pixels
    assert np.array_equal(shown, np.asarray(scene()))
    half = decode_image(bitmap(128, header), BOX, 10**6).pixels
    assert half.mean() > shown.mean() + 30, "other alpha counts"


def large(kind: str) -> bytes:
    """An image of more pixels than Pillow opens, grey."""
    size = (13_400, 13_400)
    grey = Image.new("L", size, 99)
    if kind == "JPEG":
        return bytes(simplejpeg.encode_jpeg(np.asarray(grey)[..., None], 50, "GRAY"))
    return encoded(grey.convert("1", dither=Image.Dither.NONE), kind)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_max_pixels_may_be_above_the_limit_of_pillow(kind: str) -> None:
    """Only for our images, and only up to max_pixels."""
    data = large(kind)
    assert reason(data, 13_400**2 - 1) == "too_large_image"
    decoded = decode_image(data, BOX, 13_400**2)
    assert min(decoded.pixels.shape[:2]) >= 384
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(data))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_threads_with_other_limits_do_not_disturb_each_other() -> None:
    """Each image is judged by its own max_pixels while others are decoded."""
    data = large("JPEG")
    found: list[str] = []

    def judge(work: Callable[[], object]) -> None:
        try:
            work()
            found.append("kept")
        except RejectedImageError as error:
            found.append(str(error.reason))

    works = [
        lambda: decode_image(data, BOX, 13_400**2),
        lambda: decode_image(data, BOX, 10**8),
    ]
    threads = [threading.Thread(target=judge, args=(work,)) for work in works * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == ["kept"] * 2 + ["too_large_image"] * 2
    assert PILLOW_LIMIT // 2 == Image.MAX_IMAGE_PIXELS


def test_scaled_pixels_of_a_repaired_jpeg_are_those_of_the_whole_one() -> None:
    """A repaired JPEG is decoded as any other."""
    good = encoded(scene((1600, 1200)))
    whole, cut = decode_image(good, BOX, 10**7), decode_image(good[:-2], BOX, 10**7)
    assert np.array_equal(whole.pixels, cut.pixels)
    assert whole.pixels.shape == (600, 800, 3)
