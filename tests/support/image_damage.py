"""Whole images with odd metadata, stray bytes or damage, built byte by byte."""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from tests.support.image_kinds import encoded, scene

SIZE = (150, 110)  # no multiple of a JPEG's blocks


def photo() -> Image.Image:
    """Colours with noise, so that each block takes many bits."""
    noise = np.random.default_rng(1).normal(0, 25, (SIZE[1], SIZE[0], 3))
    return Image.fromarray((np.asarray(scene(SIZE)) + noise).clip(0, 255).astype(np.uint8))


JPEGS = {
    "baseline": encoded(photo()),
    "optimized": encoded(photo(), quality=75, optimize=True),
    "4:4:4": encoded(photo(), subsampling=0),
    "progressive": encoded(photo(), progressive=True),
    "restart interval": encoded(photo(), restart_marker_blocks=5),
    "greyscale": encoded(photo().convert("L")),
    "CMYK": encoded(photo().convert("CMYK")),
}


def segment(marker: int, payload: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def with_segment(marker: int, payload: bytes, kind: str = "baseline") -> bytes:
    """A good JPEG with a segment after its start."""
    return JPEGS[kind][:2] + segment(marker, payload) + JPEGS[kind][2:]


def segment_starts(jpeg: bytes) -> Iterator[int]:
    """Where each segment begins, the end marker left out; a scan's data belong to its header."""
    position = 2
    while jpeg[position : position + 2] != b"\xff\xd9":
        yield position
        marker = jpeg[position + 1]
        position += 2 + int.from_bytes(jpeg[position + 2 : position + 4])
        while marker == 0xDA and (jpeg[position] != 0xFF or jpeg[position + 1] in DATA):
            position += 1


DATA = (0, *range(0xD0, 0xD8))  # after 0xFF, in a scan's data


def scan_data(jpeg: bytes) -> int:
    """Where the data of the first scan begin."""
    start = jpeg.index(b"\xff\xda")
    return start + 2 + int.from_bytes(jpeg[start + 2 : start + 4])


Chunks = Iterable[tuple[bytes, bytes]]


def png_chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kinds and contents of a PNG's chunks."""
    position = 8
    while position < len(png):
        length = int.from_bytes(png[position : position + 4])
        yield png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        position += 12 + length


def png_chunk(kind: bytes, content: bytes, checksum: bytes | None = None) -> bytes:
    """A chunk of a PNG, by default with the right checksum."""
    right = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + (checksum or right)


def png_of(chunks: Iterable[bytes]) -> bytes:
    """A PNG of whole chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def bitmap(alpha: int, header: int = 124) -> bytes:
    """A BMP of 32 bits a pixel with the same alpha everywhere, whose header is that long."""
    pixels = np.asarray(scene())[::-1, :, ::-1]
    height, width, _ = pixels.shape
    data = np.dstack([pixels, np.full((height, width), alpha, np.uint8)]).tobytes()
    sizes = struct.pack("<IiiHHIIiiII", header, width, height, 1, 32, 3, len(data), 0, 0, 0, 0)
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    whole = (sizes + masks).ljust(header, b"\0")
    start = 14 + len(whole)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + whole + data


def pixels(data: bytes) -> np.ndarray:
    """An image's pixels, as Pillow decodes it."""
    return np.asarray(Image.open(io.BytesIO(data)))
