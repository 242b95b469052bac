"""Repair WebPs that state another size than they have, or whose metadata are cut or damaged."""

import struct
from collections.abc import Iterator

from vitrina.catalog.rejection import RejectionReason
from vitrina.images.rejected import RejectedImageError

EXTENDED, ALPHA, FRAME = b"VP8X", b"ALPH", b"ANMF"
IMAGES = (b"VP8 ", b"VP8L", FRAME)
METADATA = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}  # the flags that announce them
KEPT = (EXTENDED, b"ANIM", ALPHA, *IMAGES)


def is_webp(data: bytes) -> bool:
    """Whether the bytes begin as those of a WebP."""
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def repair_webp(data: bytes, *, with_metadata: bool) -> bytes:
    """A WebP of the same pixels, or first frames, and, if wished, the metadata that are whole.

    Raises RejectedImageError if the image is cut.
    """
    chunks = list(_whole_chunks(data))
    kept = KEPT + tuple(METADATA) * with_metadata
    chunks = [(kind, content) for kind, content in chunks if kind in kept]
    kinds = {kind for kind, _ in chunks}
    if not kinds.intersection(IMAGES):
        raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE)
    missing = sum(flag for kind, flag in METADATA.items() if kind not in kinds)
    body = b"".join(
        _encoded(kind, _without_flags(content, missing) if kind == EXTENDED else content)
        for kind, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _whole_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks up to the first that is cut, wherever the file says that it ends."""
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack("<4sI", data[position : position + 8])
        position += 8
        if position + length > len(data):
            return
        yield kind, data[position : position + length]
        position += length + length % 2


def _without_flags(extended: bytes, flags: int) -> bytes:
    return bytes([extended[0] & ~flags]) + extended[1:] if extended else extended


def _encoded(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
