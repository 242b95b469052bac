"""Why a listing has a problem, in sentences that a report can translate."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from vitrina.translate import Translate


class Sentence(StrEnum):
    """The reasons, with ``{names}`` of their values."""

    MISMATCH = (
        "title and image fit {z} deviations worse than usual: cosine {own}, and {expected} with "
        "the titles of similar images"
    )
    PLACEHOLDER = "one image under {titles} different titles"
    CATEGORY = "in {given}, looks like {likely} ({probability})"
    SMALL = "{width} × {height} pixels, wanted are {wanted}"
    BLANK = "one colour only"
    BLURRED = "{z} deviations less sharp than usual"
    COPY = "a copy of another listing, cosine {cosine}"
    SAME_TITLE = "another listing with the same title, cosine {cosine}"
    SAME_IMAGE = "another listing with the same image, cosine {cosine}"
    SAME_PRODUCT = "the same product as another listing, cosine {cosine}"


class Reason(NamedTuple):
    """A sentence and its values by name."""

    sentence: Sentence
    values: Mapping[str, str]

    @classmethod
    def of(cls, sentence: Sentence, **values: str) -> "Reason":
        """The sentence with these values."""
        return cls(sentence, values)

    def told(self, words: Translate = str.format) -> str:
        """The whole sentence, in English unless ``words`` translates it."""
        return words(self.sentence, **self.values)
