"""Which damaged PNGs are repaired, to the same pixels, and which are rejected."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.support.image_damage import pixels, png_chunk, png_chunks, png_of
from tests.support.image_kinds import encoded, half_transparent, palette, scene, sixteen_bits
from vitrina.images.png_repair import Header, has_wrong_checksum, repair_png
from vitrina.images.rejected import RejectedImageError

GOOD = encoded(scene(), "PNG")
HEADER, END = png_chunk(*next(png_chunks(GOOD))), png_chunk(b"IEND", b"")
DATA = b"".join(content for kind, content in png_chunks(GOOD) if kind == b"IDAT")
FLIPPED = DATA[:2_000] + bytes([DATA[2_000] ^ 4]) + DATA[2_001:]
PIXELS = png_chunk(b"IDAT", DATA)
WRONG = b"0000"

WHOLE = {
    "wrong checksum": (png_chunk(b"IDAT", DATA, WRONG), END),
    "wrong checksum of the stream": (png_chunk(b"IDAT", DATA[:-4] + WRONG), END),
    "no checksum of the stream": (png_chunk(b"IDAT", DATA[:-4]), END),
    "no end": (PIXELS,),
    "cut in the last checksum": (PIXELS[:-2],),
    "more data": (PIXELS, png_chunk(b"IDAT", b"more"), END),
    "empty data": (png_chunk(b"IDAT", b""), PIXELS, png_chunk(b"IDAT", b""), END),
    "end before the data": (END, PIXELS, END),
    "text between data": (
        png_chunk(b"IDAT", DATA[:999]),
        png_chunk(b"tEXt", b"a\0b"),
        png_chunk(b"IDAT", DATA[999:]),
        END,
    ),
    "text with a wrong checksum": (png_chunk(b"tEXt", b"a\0b", WRONG), PIXELS, END),
    "transparency of another kind": (png_chunk(b"tRNS", b"\0"), PIXELS, END),
    "unknown chunk": (png_chunk(b"xxxx", b"?"), PIXELS, END),
    "a chunk that is cut": (PIXELS, b"\x7f\xff\xff\xfftEXta\0b"),
}
KINDS = {
    "RGB": encoded(scene(), "PNG"),
    "greyscale": encoded(scene().convert("L"), "PNG"),
    "one bit": encoded(scene().convert("1"), "PNG"),
    "16 bits": sixteen_bits("PNG")[0],
    "palette": palette()[0],
    "RGBA": half_transparent("RGBA")[0],
    "LA": half_transparent("LA")[0],
    "narrow": encoded(scene((1, 9)), "PNG"),
}


def repaired(data: bytes, **options: bool) -> bytes:
    """A PNG after repair."""
    return repair_png(data, 10**6, **({"with_metadata": True} | options))


def reason(data: bytes, max_pixels: int = 10**6) -> str:
    """Why a PNG is rejected."""
    with pytest.raises(RejectedImageError) as caught:
        repair_png(data, max_pixels, with_metadata=True)
    return str(caught.value.reason)


@pytest.mark.parametrize("damage", WHOLE)
def test_a_png_with_all_its_pixels_is_repaired(damage: str) -> None:
    """Chunks, checksums and ends that say nothing of the pixels do not matter."""
    mended = repaired(png_of([HEADER, *WHOLE[damage]]))
    assert np.array_equal(pixels(mended), pixels(GOOD))
    assert not has_wrong_checksum(mended)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_png_is_repaired(kind: str) -> None:
    """Depth, colours, transparency and palette stay, and missing rows are noticed."""
    good = KINDS[kind]
    assert np.array_equal(_rgba(repaired(good)), _rgba(good))
    if len(good) > 200:
        assert reason(good[: len(good) * 3 // 5]) == "truncated_image"


def _rgba(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def test_the_rows_of_an_interlaced_png_are_counted() -> None:
    """Its seven passes together have more rows, each with a byte of its own."""
    header = Header(5, 3, 8, 2, 0, 0, 1)
    rows = [(1, 1), (1, 1), (0, 2), (1, 1), (1, 3), (2, 2), (1, 5)]
    assert header.pixel_bytes() == sum(count * (1 + 3 * width) for count, width in rows)
    assert header._replace(interlace=0).pixel_bytes() == 3 * (1 + 15)
    assert header._replace(width=1, colours=0, depth=1).pixel_bytes() == 2 + 2 + 2


@pytest.mark.parametrize(
    "chunks",
    [
        [HEADER, png_chunk(b"IDAT", DATA[:-100]), END],
        [HEADER, PIXELS[:-100]],
        [HEADER, END],
        [HEADER, png_chunk(b"IDAT", FLIPPED, PIXELS[-4:]), END],
        [HEADER, png_chunk(b"IDAT", b"\x78\x9c" + bytes(500)), END],
    ],
)
def test_missing_and_damaged_pixels_are_rejected(chunks: list[bytes]) -> None:
    """Missing rows, and pixels whose checksums are both wrong."""
    assert reason(png_of(chunks)) == "truncated_image"


def test_pixels_with_a_wrong_checksum_are_noticed() -> None:
    """Pillow does not look at the checksums of the pixels."""
    assert has_wrong_checksum(png_of([HEADER, png_chunk(b"IDAT", FLIPPED, PIXELS[-4:]), END]))
    assert not has_wrong_checksum(png_of([HEADER, png_chunk(b"tEXt", b"a\0b", WRONG), PIXELS]))


def test_nothing_of_a_bomb_is_unpacked() -> None:
    """A PNG of more than ``max_pixels`` is rejected by its header."""
    assert reason(GOOD, max_pixels=360 * 240 - 1) == "too_large_image"
    assert reason(png_of([png_chunk(b"IHDR", bytes(5)), PIXELS])) == "unreadable_image"


def test_orientation_and_profile_are_kept_if_wished() -> None:
    """Without them a file opens whose metadata Pillow cannot read."""
    exif = Image.Exif()
    exif[0x0112] = 6
    good = encoded(scene(), "PNG", exif=exif, icc_profile=b"profile")
    with Image.open(io.BytesIO(repaired(good))) as image:
        assert image.getexif()[0x0112] == 6
        assert image.info["icc_profile"] == b"profile"
    assert {kind for kind, _ in png_chunks(repaired(good, with_metadata=False))} == {
        b"IHDR",
        b"IDAT",
        b"IEND",
    }
