"""What of a listing a model sees: its text, by a template over its columns, and its images."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from vitrina.config.parameters import Parameters

SeveralImages = Literal["mean", "first"]
TITLE_ONLY = "{title}"
_FIELD = r"\{[^{}\[\]]+\}"
_ESCAPED = r"\{\{|\}\}|\[\[|\]\]"
_PART = rf"(?:[^{{}}\[\]]|{_ESCAPED}|{_FIELD})"
_TEMPLATE = re.compile(rf"(?:{_PART}|\[{_PART}+\])*")


def check_template(text: str) -> str:
    """The text itself; ValueError unless it is a template, see ``catalog.text_template``."""
    if not _TEMPLATE.fullmatch(text):
        raise ValueError(
            "expected names of columns in braces and, where needed, parts in brackets, such as "
            "'{title}[, {weight} кг]. {brend}'"
        )
    bare = re.sub(rf"({_FIELD})|{_ESCAPED}", r"\1", text)
    for part in (bare, *re.findall(r"\[[^\]]*\]", bare)):
        if "{" not in part:
            raise ValueError(f"{part!r} names no column: expected one in braces, such as {{title}}")
    return text


def _check_if_given(text: str) -> str:
    return check_template(text) if text else text


class ListingConfig(Parameters):
    """What of a listing the model sees."""

    text: Annotated[str, AfterValidator(check_template)] = Field(
        TITLE_ONLY,
        description="Text of a listing: its title, or a template over the columns of the "
        "processed table, such as '{title}. {brend}. {category}'. An empty field takes the text "
        "before it with it; brackets hold what else goes with a field, as in "
        "'{title}[, {weight} кг], {brend}'. Stored with the model.",
    )
    several_images: SeveralImages = Field(
        "mean",
        description="Of a listing with several images: mean (training shows another one each "
        "epoch, its vector is the mean of all) or first (the main one alone).",
    )


BY_TITLE = ListingConfig()


class EmbeddedListingConfig(ListingConfig):
    """What of a listing is embedded."""

    text: Annotated[str, AfterValidator(_check_if_given)] = Field(
        "",
        description="Text of a listing, such as '{title}. {brend}'; empty: the one that the model "
        "was trained with, by default the title.",
    )
