"""A JPEG file as its segments and scans, without what says nothing of its pixels."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

START, END = b"\xff\xd8", b"\xff\xd9"
SOS, APP0, APP1, APP2, APP14 = 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
TABLES = (0xDB, 0xC4, 0xCC, 0xDD)  # quantization, Huffman and arithmetic tables, restart interval
FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
PROGRESSIVE = (0xC2, 0xCA)
WITH_LENGTH = frozenset((*TABLES, *FRAMES, SOS, *range(0xDC, 0xF0), 0xFE))
COEFFICIENTS = 64

MARKER = re.compile(rb"\xff([^\x00\xff])", re.DOTALL)
# A scan's data end at a marker other than a stuffed zero, a fill byte and a restart marker.
END_OF_DATA = re.compile(rb"\xff(?=[^\x00\xff\xd0-\xd7])", re.DOTALL)
LINES = re.compile(rb"\xff\xdc\x00\x04(..)", re.DOTALL)  # the height, if the frame does not have it
JFIF = b"JFIF\0\1\1\0\0\1\0\1\0\0"  # of version 1.1, without a thumbnail
ADOBE_BYTES = 12  # shorter ones are ignored
ICC = b"ICC_PROFILE\0"
APP1_KINDS = (b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0")


class Segment(NamedTuple):
    """A marker, its payload, and the position after it."""

    marker: int
    payload: bytes
    end: int

    def encoded(self) -> bytes:
        """The segment as it stands in a file."""
        return b"\xff%c%s%s" % (self.marker, (len(self.payload) + 2).to_bytes(2), self.payload)


class Scan(NamedTuple):
    """A scan: the tables and headers before its data, and the data with restart markers."""

    header: bytes
    data: bytes


@dataclass
class Coverage:
    """To which bit the scans have brought each coefficient of each component; None is not yet."""

    lowest_bits: dict[int, list[int | None]] = field(default_factory=dict)
    is_progressive: bool = False

    def start(self, frame: Segment) -> None:
        """Begin a frame, nothing of whose components is there yet."""
        self.is_progressive = frame.marker in PROGRESSIVE
        for component in frame.payload[6::3]:
            self.lowest_bits[component] = [None] * COEFFICIENTS

    def add(self, scan: Segment) -> None:
        """Add a scan. Raises IndexError or ValueError if its header is cut."""
        count = scan.payload[0]
        first, last, bits = scan.payload[1 + 2 * count : 4 + 2 * count]
        if not self.is_progressive:
            first, last, bits = 0, COEFFICIENTS - 1, 0
        for component in scan.payload[1 : 1 + 2 * count : 2]:
            if component in self.lowest_bits and last < COEFFICIENTS:
                self.lowest_bits[component][first : last + 1] = [bits & 15] * (last + 1 - first)

    def is_complete(self) -> bool:
        """Whether every coefficient of every component is there to its last bit."""
        components = self.lowest_bits.values()
        return bool(components) and all(bit == 0 for bits in components for bit in bits)


@dataclass(frozen=True)
class Jpeg:
    """What decides the pixels, and the metadata that are used: orientation and colour profile."""

    metadata: bytes
    scans: tuple[Scan, ...]
    components: int
    is_progressive: bool
    is_complete: bool  # whether there is a scan for everything; its data may still be cut

    def encoded(self) -> bytes:
        """The file."""
        parts = [part for scan in self.scans for part in scan]
        return b"".join([START, self.metadata, *parts, END])

    def up_to(self, scan: int, data: bytes) -> "Jpeg":
        """The same up to a scan, whose data is replaced."""
        return replace(self, scans=(*self.scans[:scan], Scan(self.scans[scan].header, data)))


def parse_jpeg(data: bytes) -> Jpeg:
    """The parts of a JPEG up to the end of its pixels; bytes between segments are ignored.

    Raises IndexError or ValueError if the header of a scan is cut.
    """
    coverage, frame, position = Coverage(), b"", len(START)
    metadata, header, scans = list[Segment](), list[Segment](), list[Scan]()
    while not coverage.is_complete() and (segment := _next_segment(data, position)):
        position = segment.end
        if segment.marker == SOS and frame:
            coverage.add(segment)
            position = _end_of_data(data, segment.end)
            tables = b"".join(one.encoded() for one in (*header, segment))
            scans.append(Scan(tables, data[segment.end : position]))
            header.clear()
        elif segment.marker in FRAMES and not frame:
            segment = _with_height(segment, data)
            frame = segment.payload
            coverage.start(segment)
            header.append(segment)
        elif segment.marker in TABLES:
            header.append(segment)
        elif not scans:
            metadata.append(segment)
    return Jpeg(
        b"".join(_used(metadata)),
        tuple(scans),
        components=len(coverage.lowest_bits),
        is_progressive=coverage.is_progressive,
        is_complete=coverage.is_complete(),
    )


def _next_segment(data: bytes, position: int) -> Segment | None:
    for match in MARKER.finditer(data, position):
        marker, start = data[match.end() - 1], match.end()
        if marker in WITH_LENGTH:
            end = start + max(2, int.from_bytes(data[start : start + 2]))
            return Segment(marker, data[start + 2 : end], end)
    return None


def _end_of_data(data: bytes, position: int) -> int:
    match = END_OF_DATA.search(data, position)
    return match.start() if match else len(data)


def _with_height(frame: Segment, data: bytes) -> Segment:
    """The frame header; a height that it leaves open is stated after the first scan."""
    height = LINES.search(data, frame.end) if frame.payload[1:3] == b"\0\0" else None
    if not height:
        return frame
    return frame._replace(payload=frame.payload[:1] + height[1] + frame.payload[3:])


def _used(metadata: list[Segment]) -> Iterator[bytes]:
    """Metadata that decoders use: what is cut is dropped as by libjpeg, and what warns is mended.

    Of Exif and of XMP the first counts, as in browsers.
    """
    seen, profile = set[bytes](), list[Segment]()
    for segment in metadata:
        marker, payload, _ = segment
        if marker == APP0 and payload.startswith(b"JFIF\0") and len(payload) >= len(JFIF):
            yield segment._replace(payload=JFIF).encoded()
        elif marker == APP14 and payload.startswith(b"Adobe") and len(payload) >= ADOBE_BYTES:
            # Decoders take a transform that is not known for the usual one.
            transform = payload[11:12] if payload[11] <= 2 else b"\1"
            yield segment._replace(payload=payload[:11] + transform).encoded()
        elif marker == APP2 and payload.startswith(ICC) and len(payload) >= len(ICC) + 2:
            profile.append(segment)
        elif marker == APP1 and payload.startswith(APP1_KINDS) and payload[:5] not in seen:
            seen.add(payload[:5])
            yield segment.encoded()
    if _is_whole(profile):
        yield from (segment.encoded() for segment in profile)


def _is_whole(profile: list[Segment]) -> bool:
    """Whether each part of a colour profile is there once: its number, and how many there are."""
    parts = sorted(tuple(part.payload[len(ICC) : len(ICC) + 2]) for part in profile)
    return parts == [(number, len(parts)) for number in range(1, len(parts) + 1)]
