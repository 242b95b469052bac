"""An example of the images that lie where one is missing."""

import re
from collections.abc import Iterator
from itertools import islice

from upath import UPath

from vitrina.errors import UserError
from vitrina.images.spellings import image_ending
from vitrina.store.files import listing
from vitrina.store.paths import to_path

MAX_LOOKED_AT = 1_000  # files
WORD = re.compile(r"[^\W_]+")


def example_beside(root: UPath, missing: str) -> str | None:
    """An image in the folder of a missing one, or else below ``root``, of a similar name if any.

    Its path is relative to ``root``, or absolute if that of the missing one is. Of a large folder
    only the first files are looked at. None if none is an image, or the folder may not be read.
    """
    parent, slash, name = missing.rpartition("/")
    is_absolute = missing.startswith(("/", "s3://"))
    folder = to_path(parent or "/") if is_absolute else root / parent
    words = sorted(WORD.findall(name[: len(name) - len(image_ending(name))]), key=len)
    try:
        beside = list(_images(folder, deep=False))
        if beside or is_absolute:
            return _similar([parent + slash + file for file in beside], words)
        return _similar(list(_images(root, deep=True)), words)
    except UserError:
        return None


def _images(folder: UPath, *, deep: bool) -> Iterator[str]:
    names = (name for name, _ in islice(listing(folder, deep=deep), MAX_LOOKED_AT))
    return (name for name in names if image_ending(name))


def _similar(paths: list[str], words: list[str]) -> str | None:
    """The first path that has the longest word in it, else the first one."""
    longest = words[-1].lower() if words else ""
    return next((path for path in paths if longest in path.lower()), paths[0] if paths else None)
