"""Repair PNGs that a browser shows and Pillow refuses, if no row of pixels is missing.

Chunks that say nothing of the pixels are dropped, such as long texts and damaged metadata, and
checksums and the end are written anew.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from vitrina.catalog.rejection import RejectionReason
from vitrina.images.rejected import RejectedImageError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER, PALETTE, TRANSPARENCY, DATA, END = b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"
METADATA = (b"eXIf", b"iCCP")  # orientation and colour profile
INDEXED = 3
CHANNELS = {0: 1, 2: 3, INDEXED: 1, 4: 2, 6: 4}  # by colour type
TRANSPARENT_BYTES = {0: (2,), 2: (6,), INDEXED: range(1, 257)}  # of tRNS, by colour type
# First row and column, and the steps between rows and columns, of the passes of an interlaced PNG.
PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
ZLIB_HEADER = b"\x78\x01"
INFLATED_BYTES = 2**20  # held at a time


class Chunk(NamedTuple):
    """A chunk, perhaps cut, and whether its checksum is wrong."""

    kind: bytes
    content: bytes
    is_wrong: bool


class Header(NamedTuple):
    """The content of IHDR."""

    width: int
    height: int
    depth: int
    colours: int
    compression: int
    filtering: int
    interlace: int

    def pixel_bytes(self) -> int:
        """The size of the uncompressed data: a byte and the pixels of each row of each pass."""
        bits = self.depth * CHANNELS[self.colours]
        passes = PASSES if self.interlace else ((0, 0, 1, 1),)
        sizes = [
            (-(-(self.height - top) // down), -(-(self.width - left) // across))
            for top, left, down, across in passes
        ]
        return sum(rows * (1 + -(-columns * bits // 8)) for rows, columns in sizes if columns > 0)


def repair_png(data: bytes, max_pixels: int, *, with_metadata: bool) -> bytes:
    """A PNG with the same pixels and, if wished, orientation and colour profile.

    Raises RejectedImageError if pixels are missing or damaged, or if there are too many of them.
    """
    chunks = list(_chunks(data))
    pixels = b"".join(chunk.content for chunk in chunks if chunk.kind == DATA)
    if not pixels or chunks[0].kind != HEADER:
        raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE)
    try:
        header = Header(*struct.unpack(">IIBBBBB", chunks[0].content))
        needed = header.pixel_bytes()
    except (struct.error, KeyError) as error:
        raise RejectedImageError(RejectionReason.UNREADABLE_IMAGE) from error
    if header.width * header.height > max_pixels:
        raise RejectedImageError(RejectionReason.TOO_LARGE_IMAGE)
    may_be_wrong = has_wrong_checksum(data)
    before = [chunk for chunk in chunks[1:] if _is_used(chunk, header.colours, with_metadata)]
    written = [(HEADER, chunks[0].content), *((chunk.kind, chunk.content) for chunk in before)]
    written += [(DATA, _mended_stream(pixels, needed, may_be_wrong=may_be_wrong)), (END, b"")]
    return PNG_SIGNATURE + b"".join(_encoded(kind, content) for kind, content in written)


def has_wrong_checksum(data: bytes) -> bool:
    """Whether the checksum of some pixels is wrong, which Pillow does not notice."""
    return any(chunk.is_wrong for chunk in _chunks(data) if chunk.kind == DATA)


def _chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks up to the end of the image; the last one may be cut."""
    position, has_pixels = len(PNG_SIGNATURE), False
    while position + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        end = position + 8 + length
        checksum = zlib.crc32(data[position + 4 : end]).to_bytes(4)
        is_wrong = len(data) >= end + 4 and data[end : end + 4] != checksum
        yield Chunk(kind, data[position + 8 : end], is_wrong)
        has_pixels |= kind == DATA
        position = end + 4
        if kind == END and has_pixels:
            return


def _is_used(chunk: Chunk, colours: int, with_metadata: bool) -> bool:
    if chunk.is_wrong or (chunk.kind in METADATA and not with_metadata):
        return False
    if chunk.kind == TRANSPARENCY:
        return len(chunk.content) in TRANSPARENT_BYTES.get(colours, ())
    return chunk.kind in METADATA or (chunk.kind == PALETTE and colours == INDEXED)


def _mended_stream(pixels: bytes, needed: int, *, may_be_wrong: bool) -> bytes:
    """The compressed pixels with the checksum that they have.

    Raises RejectedImageError if there are fewer than ``needed`` bytes, or if they are damaged:
    both a chunk's checksum and the stream's own are wrong.
    """
    inflate, rest = zlib.decompressobj(-zlib.MAX_WBITS), pixels[2:]
    checksum, size = 1, 0
    try:
        while size <= needed and (part := inflate.decompress(rest, INFLATED_BYTES)):
            checksum, size = zlib.adler32(part, checksum), size + len(part)
            rest = inflate.unconsumed_tail
    except zlib.error as error:
        raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE) from error
    right, after = checksum.to_bytes(4), inflate.unused_data
    if size < needed or (may_be_wrong and after[:4] != right):
        raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE)
    return ZLIB_HEADER + pixels[2 : len(pixels) - len(after)] + (right if inflate.eof else b"")


def _encoded(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
