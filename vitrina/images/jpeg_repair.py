"""Repair JPEGs that a browser shows and a strict decoder refuses, if no block of them is missing.

Metadata that say nothing of the pixels are dropped, as are stray bytes between segments and after
the image's data, and a missing end marker is added: libjpeg-turbo decodes the result without a
warning. Of a damaged file it tells only the first warning, which may hide that later blocks are
missing, so each scan is checked by itself, after the ones before it are repaired.
"""

import re
from bisect import bisect_left
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import simplejpeg

from vitrina.catalog.rejection import RejectionReason
from vitrina.images.jpeg_segments import END, Jpeg, parse_jpeg
from vitrina.images.rejected import RejectedImageError

DAMAGE = "Corrupt JPEG data"  # how libjpeg's warnings of bad or missing data begin
STRAY_BYTES = re.compile(rf"{DAMAGE}: (\d+) extraneous bytes before marker 0x(d[0-7])?")
RESTART = re.compile(rb"\xff[\xd0-\xd7]")
UNSEEN = 16  # bytes that the decoder reads ahead: stray ones among them are not reported
FILL = 4  # so many equal bytes are no end of an image's data
MAX_STRAY_BYTES = 1_024  # of different values: more are likely to be damaged data


def repair_jpeg(data: bytes) -> bytes:
    """A JPEG with the same pixels that decodes without a warning.

    One that libjpeg-turbo cannot decode has no end marker, so that Pillow, if it can, does not take
    it for whole. Raises RejectedImageError if pixels are missing.
    """
    try:
        jpeg = parse_jpeg(data)
    except (IndexError, ValueError) as error:
        raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE) from error
    if not jpeg.is_complete:
        raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE)
    warning = _warning(jpeg)
    if warning and not warning.startswith(DAMAGE):
        return jpeg.encoded().removesuffix(END)
    if warning:
        for scan in range(len(jpeg.scans)):
            repaired = _without_stray_bytes(jpeg, scan)
            jpeg = replace(jpeg, scans=(*repaired.scans, *jpeg.scans[scan + 1 :]))
    return jpeg.encoded()


def _without_stray_bytes(jpeg: Jpeg, scan: int) -> Jpeg:
    """The file up to a scan, without what follows the scan's data.

    The scans before it have no stray bytes. Raises RejectedImageError if blocks are missing.
    """
    data, reported = _without_stray_restart(jpeg, scan)

    def suffices(size: int) -> bool:
        warning = _warning(jpeg.up_to(scan, data[:size]))
        return not warning or _stray_bytes(warning) > 0

    if not reported and not suffices(len(data) - 1):
        return jpeg.up_to(scan, data)
    least = max(0, len(data) - UNSEEN - reported)
    end = bisect_left(range(len(data) + 1), True, lo=least, key=suffices)
    repaired = jpeg.up_to(scan, data[:end])
    if _warning(repaired) or _ends_in_damage(repaired, scan, data[end:]):
        raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE)
    return repaired


def _without_stray_restart(jpeg: Jpeg, scan: int) -> tuple[bytes, int]:
    """A scan's data, and how many stray bytes are reported after it.

    Stray bytes may look like a restart marker; before one that belongs to the data there can be
    none, as damaged data look the same. Raises RejectedImageError if blocks are missing.
    """
    data = jpeg.scans[scan].data
    restarts = [match.start() for match in RESTART.finditer(data)]
    for end in (len(data), *restarts[-1:]):
        warning = _warning(jpeg.up_to(scan, data[:end]))
        if not warning or _stray_bytes(warning):
            return data[:end], _stray_bytes(warning)
    raise RejectedImageError(RejectionReason.TRUNCATED_IMAGE)


def _stray_bytes(warning: str) -> int:
    """How many bytes a warning says to follow complete data; 0 for any other warning."""
    reported = STRAY_BYTES.match(warning)
    return int(reported[1]) if reported and not reported[2] else 0


def _ends_in_damage(jpeg: Jpeg, scan: int, stray: bytes) -> bool:
    """Whether what the last scan decoded to was not its data, though it gave enough blocks.

    Such as zeros that replace the rest of a file. Encoders fill the last byte with ones: so its
    lowest zero is of the data, and changing it changes the image. Whether it does cannot be seen
    of a progressive scan, whose last bits may refine by nothing visible.
    """
    data = jpeg.scans[scan].data
    is_fill = stray == stray[:1] * len(stray)
    if not is_fill and len(stray) > MAX_STRAY_BYTES:
        return True
    if is_fill and (data + stray)[-len(stray) - FILL :] == data[-1:] * (len(stray) + FILL):
        return True
    if jpeg.is_progressive or data.endswith(b"\xff\0"):
        return False
    flipped = data[-1] | (data[-1] + 1)
    last = b"\xff\0" if flipped == 0xFF else bytes([flipped])
    changed = jpeg.up_to(scan, data[:-1] + last)
    return not _warning(changed) and np.array_equal(_pixels(jpeg), _pixels(changed))


def _warning(jpeg: Jpeg) -> str:
    """libjpeg-turbo's first warning or error, decoding at the scale that costs least."""
    try:
        _decoded(jpeg, strict=True, min_factor=8)
    except ValueError as error:
        return str(error)
    return ""


def _pixels(jpeg: Jpeg) -> npt.NDArray[np.uint8]:
    return _decoded(jpeg, strict=False)


def _decoded(jpeg: Jpeg, **options: object) -> npt.NDArray[np.uint8]:
    colours = {1: "GRAY", 4: "CMYK"}.get(jpeg.components, "RGB")
    pixels: npt.NDArray[np.uint8] = simplejpeg.decode_jpeg(jpeg.encoded(), colours, **options)
    return pixels
