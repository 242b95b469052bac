"""The paths and addresses of images that one value of a column names, as shops export them."""

import ast
import json
import re
from collections.abc import Sequence

from vitrina.catalog.column_types import normalize_id
from vitrina.catalog.normalize import is_missing
from vitrina.images.spellings import image_ending

# An address begins like this; "//" is what shops write for either scheme.
ADDRESS = re.compile(r"(?:https?:)?//", re.IGNORECASE)
# Between addresses, which may contain any of these characters themselves.
BEFORE_ADDRESS = re.compile(r"[\s|;,]+(?=(?:https?:)?//)", re.IGNORECASE)
SEPARATORS = ("|", ";", "\n", ",", None)  # between paths; None is any space
BETWEEN_QUOTES = re.compile(r"(?<=['\"])\s+(?=['\"])")  # NumPy's arrays have no commas
MAX_ARRAY = 1_000_000  # characters of an array of Python's that is parsed


def is_address(source: str) -> bool:
    """Whether a source is an http(s) address, not a path."""
    return source.startswith(("http://", "https://"))


def sources_of(value: str) -> list[str]:
    """The paths and addresses in a text, each once.

    It is a JSON array, an array as Python prints it, or one of them or several. Several addresses
    are separated by spaces, ``|``, ``;`` or ``,``; several paths are too, but only if each of them
    ends as images do: ``a b.jpg`` and ``a;b.jpg`` are one.
    """
    value = value.strip()
    if value.startswith("[") and value.endswith("]") and (listed := _array(value)) is not None:
        return listed_sources(listed)
    texts = BEFORE_ADDRESS.split(value)
    return listed_sources([path for text in texts for path in _paths(text)])


def listed_sources(values: Sequence[str | None]) -> list[str]:
    """The sources in a list, each once; without those that are missing."""
    sources = (_source(value) for value in values if value)
    return list(dict.fromkeys(source for source in sources if source))


def _paths(text: str) -> Sequence[str]:
    """A text split where that gives nothing but names of images, else the text."""
    if ADDRESS.match(text):
        return [text]
    for separator in SEPARATORS:
        parts = [part.strip() for part in text.split(separator) if part.strip()]
        if len(parts) > 1 and all(map(image_ending, parts)):
            return [path for part in parts for path in _paths(part)]
    return [text]


def _source(text: str) -> str:
    """A path or an address as it is looked for; empty if the text stands for none."""
    text = normalize_id(text)
    if is_missing(text):
        return ""
    if start := ADDRESS.match(text):
        scheme = start[0].lower() if len(start[0]) > 2 else "https://"
        return scheme + text[start.end() :].rstrip("|;,")
    if "://" not in text or text.startswith("file://"):
        text = text.removeprefix("file://").replace("\\", "/")
    return re.sub(r"^(?:\./+)+", "", text)


def _array(text: str) -> list[str | None] | None:
    """The texts and nulls of an array; None if it is none."""
    with_commas = BETWEEN_QUOTES.sub(", ", text)
    for parse, array in ((json.loads, text), (ast.literal_eval, with_commas)):
        try:
            values = parse(array) if len(array) <= MAX_ARRAY else None
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(values, list) and all(one is None or isinstance(one, str) for one in values):
            return values
    return None
