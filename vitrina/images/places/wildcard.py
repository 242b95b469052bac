"""Which names a pattern with wildcards means, and their order."""

import re
import unicodedata
from collections.abc import Sequence

from vitrina.images.spellings import image_ending

DIGITS = re.compile(r"([0-9]+)")


def matches(name: str, texts: Sequence[str]) -> bool:
    """Whether a path consists of these texts with anything but slashes between them.

    What follows a number does not continue it: ``1*.jpg`` is not ``12.jpg``. After ``.`` at the end
    stands one ending, and whatever stands at the end, it has one that images have.
    """
    first, *middle, last = texts
    if not (name.startswith(first) and name.endswith(last) and len(name) >= len(first + last)):
        return False
    rest = name[len(first) : len(name) - len(last)]
    if "/" in rest or (first[-1:].isdigit() and rest[:1].isdigit()):
        return False
    if not last and (not image_ending(name) or (texts[-2].endswith(".") and "." in rest)):
        return False
    for text in middle:
        _, found, rest = rest.partition(text)
        if found != text:
            return False
    return True


def matches_nearly(name: str, texts: Sequence[str]) -> bool:
    """Whether a path matches but for case and the ending of an image."""
    *others, last = texts
    ending = image_ending(name)
    if last:
        # The endings, which differ, are left out on both sides; a dot stands for them.
        name, last = (
            f"{name[: -len(ending)]}.",
            f"{last[: len(last) - len(image_ending(f'x{last}'))]}.",
        )
    return bool(ending) and matches(folded(name), [*map(folded, others), folded(last)])


def folded(name: str) -> str:
    """A name in one Unicode form and one case."""
    return unicodedata.normalize("NFC", name).casefold()


def natural_order(name: str) -> tuple[list[str | int], str]:
    """A key that sorts numbers in names by their value: ``1_2.jpg`` before ``1_10.jpg``."""
    stem = name[: len(name) - len(image_ending(name))]
    parts = DIGITS.split(stem)  # texts and numbers by turns
    return [int(part) if odd % 2 else part for odd, part in enumerate(parts)], name
