"""Rows of the processed table as training pairs of an image and a text."""

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.listing_images import IMAGE_COLUMNS, ListingImages, listing_images
from vitrina.catalog.processed_table import DESCRIPTION, NM, TITLE
from vitrina.catalog.products import connected_rows, product_keys
from vitrina.catalog.sentences import sentences
from vitrina.catalog.text_template import TextTemplate
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig


@dataclass(frozen=True)
class Pairs:
    """Columns of the training rows, in the table's order; texts stay Arrow strings."""

    nm: "pd.Series[str]"
    template: TextTemplate
    fields: Mapping[str, "pd.Series[str]"]  # the values of the template's columns
    description: "pd.Series[str]"
    images: ListingImages
    products: npt.NDArray[np.int64]  # (rows, 2): from product_keys
    groups: npt.NDArray[np.int64]  # (rows,): equal if a chain of equal titles or images joins them

    def __len__(self) -> int:
        return len(self.nm)

    def text(self, row: int, without: Container[str] = ()) -> str:
        """The text of a listing, as if its values in some columns were missing."""
        kept = {name: str(one.iat[row]) for name, one in self.fields.items() if name not in without}
        return self.template.fill(dict.fromkeys(self.fields, "") | kept)

    def texts(self) -> list[str]:
        """The text of each listing."""
        return [self.text(row) for row in range(len(self))]


def columns_read(config: TrainConfig, listing: ListingConfig = BY_TITLE) -> tuple[str, ...]:
    """The columns that training reads; others would only take memory."""
    columns = (NM, TITLE, *IMAGE_COLUMNS, *TextTemplate.parse(listing.text).columns)
    return columns if config.text_source == "title" else (*columns, DESCRIPTION)


@flat_memory()
def pairs_from(table: pd.DataFrame, listing: ListingConfig = BY_TITLE) -> Pairs:
    """The pairs of a processed table; a missing description is empty.

    Raises UserError if the table lacks a column of the listing's text.
    """
    table = table.reset_index(drop=True)
    template = TextTemplate.parse(listing.text)

    def text(name: str) -> "pd.Series[str]":
        column = table[name] if name in table.columns else pd.Series("", table.index)
        return column.fillna("").astype(str)

    products = product_keys(table)
    return Pairs(
        nm=text(NM),
        template=template,
        fields=template.values(table),
        description=text(DESCRIPTION),
        images=listing_images(table, listing.several_images),
        products=products,
        groups=connected_rows(products),
    )


def training_text(
    text: str, description: str, config: TrainConfig, random: np.random.Generator
) -> str:
    """What a listing's image is paired with in one epoch, by ``config.text_source``.

    It is the listing's ``text``, which stands in for a missing description, or a sentence.
    """
    if config.text_source == "title" or not description.strip():
        return text
    if config.text_source == "both" and random.random() >= config.description_share:
        return text
    candidates = sentences(description)
    return candidates[int(random.integers(len(candidates)))]


def left_out(columns: Collection[str], dropout: float, random: np.random.Generator) -> set[str]:
    """The columns that a pair's text is without in one epoch: each with this probability.

    The title always stays.
    """
    others = [column for column in columns if column != TITLE]
    return {column for column in others if random.random() < dropout}
