"""Samples of the rejected rows by reason, with what can be seen of their images."""

import io
from itertools import islice

import simplejpeg
from PIL import Image

from vitrina.catalog.rejection import RejectionReason
from vitrina.images.data_uri import jpeg_uri
from vitrina.images.decode_image import FORMATS, JPEG_SIGNATURE
from vitrina.images.load import UNREADABLE
from vitrina.images.places.cell import is_address
from vitrina.reporting.cards import Card, CardGroup
from vitrina.reporting.language import ENGLISH, Words
from vitrina.reporting.sections import reason_name
from vitrina.results import RejectedExample, ResizeResult
from vitrina.search.gallery import THUMBNAIL
from vitrina.store.files import read_start
from vitrina.store.paths import to_path

MAX_BYTES = 20_000_000  # of a file are read
FIRST_BYTES = 16  # shown of a file that is no image
# Of all others there is no file, or one that must not be read.
HAVE_FILE = (
    RejectionReason.EMPTY_IMAGE,
    RejectionReason.UNREADABLE_IMAGE,
    RejectionReason.TRUNCATED_IMAGE,
    RejectionReason.TOO_LARGE_IMAGE,
)


def rejected_cards(resized: ResizeResult, count: int, words: Words = ENGLISH) -> list[CardGroup]:
    """Up to ``count`` rows for each reason that concerns an image, the most frequent first."""
    groups = []
    for reason, total in sorted(resized.reasons.items(), key=lambda one: (-one[1], one[0])):
        of_reason = (one for one in resized.rejected_examples if one.reason == reason)
        if cards := [rejected_card(example, words) for example in islice(of_reason, count)]:
            groups.append(CardGroup(reason_name(reason, words), cards, words.count(total)))
    return groups


def rejected_card(example: RejectedExample, words: Words = ENGLISH) -> Card:
    """A row with what is left of its image, or what stands in its place."""
    image, missing = _seen(example, words)
    return Card(example.title, example.nm, example.source, image, missing)


def _seen(example: RejectedExample, words: Words) -> tuple[str, str]:
    """The image as a ``data:`` URI, or else what is known of the file."""
    if not example.source or is_address(example.source):
        return "", words("no image")
    if example.reason not in HAVE_FILE:
        return "", words("no file")
    try:
        data = read_start(to_path(example.source), MAX_BYTES)
    except UNREADABLE:
        return "", words("no file")
    if not data:
        return "", words("empty file")
    if example.reason != RejectionReason.TOO_LARGE_IMAGE and (small := _thumbnail(data)):
        return jpeg_uri(small), ""
    return "", _description(data, words)


def _thumbnail(data: bytes) -> Image.Image | None:
    """A small copy of an image, of which a part may be missing; None if nothing can be seen."""
    width, height = THUMBNAIL
    try:
        if data.startswith(JPEG_SIGNATURE):
            least = {"min_width": width, "min_height": height}
            image = Image.fromarray(simplejpeg.decode_jpeg(data, "RGB", strict=False, **least))
        else:
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                image = opened.convert("RGB")
    except UNREADABLE:
        return None
    image.thumbnail(THUMBNAIL)
    return image


def _description(data: bytes, words: Words) -> str:
    """The size of an image in pixels, or how a file that is none begins."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return f"{words.count(image.width)} × {words.count(image.height)}"
    except UNREADABLE:
        shown = data[:FIRST_BYTES].decode("ascii", "replace")
        start = "".join(one if one.isprintable() else "·" for one in shown).replace("\ufffd", "·")
        return words("{n} bytes: {start}…", n=words.count(len(data)), start=start)
