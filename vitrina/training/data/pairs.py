"""Rows of the processed table as training pairs of an image and a text."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.processed_table import DESCRIPTION, IMAGE_HASH, IMAGE_PATH, NM, TITLE
from vitrina.catalog.products import connected_rows, product_keys
from vitrina.config.training import TrainConfig

SENTENCE_END = re.compile(r"(?<=[.!?…;])\s+|\n+")
COLUMNS = (TITLE, IMAGE_PATH, NM, IMAGE_HASH)
MIN_WORDS = 3  # a shorter sentence ("Хлопок.") says too little about a product


@dataclass(frozen=True)
class Pairs:
    """Columns of the training rows, in the table's order; texts stay Arrow strings."""

    nm: "pd.Series[str]"
    title: "pd.Series[str]"
    description: "pd.Series[str]"
    image_path: "pd.Series[str]"
    image_hash: "pd.Series[str]"  # empty where the table has none
    products: npt.NDArray[np.int64]  # (rows, 2): from product_keys
    groups: npt.NDArray[np.int64]  # (rows,): equal if a chain of equal titles or images joins them

    def __len__(self) -> int:
        return len(self.nm)


def columns_read(config: TrainConfig) -> tuple[str, ...]:
    """The columns that training reads; others would only take memory."""
    return COLUMNS if config.text_source == "title" else (*COLUMNS, DESCRIPTION)


@flat_memory()
def pairs_from(table: pd.DataFrame) -> Pairs:
    """The pairs of a processed table; a missing description is empty."""
    table = table.reset_index(drop=True)

    def text(name: str) -> "pd.Series[str]":
        column = table[name] if name in table.columns else pd.Series("", table.index)
        return column.fillna("").astype(str)

    products = product_keys(table)
    return Pairs(
        nm=text(NM),
        title=text(TITLE),
        description=text(DESCRIPTION),
        image_path=text(IMAGE_PATH),
        image_hash=text(IMAGE_HASH),
        products=products,
        groups=connected_rows(products),
    )


def sentences(description: str) -> list[str]:
    """The sentences of at least ``MIN_WORDS`` words; the whole description if there are none."""
    parts = [part.strip() for part in SENTENCE_END.split(description)]
    return [part for part in parts if len(part.split()) >= MIN_WORDS] or [description]


def training_text(
    title: str, description: str, config: TrainConfig, random: np.random.Generator
) -> str:
    """A pair's text in one epoch, by ``config.text_source``; without a description the title."""
    if config.text_source == "title" or not description.strip():
        return title
    if config.text_source == "both" and random.random() >= config.description_share:
        return title
    candidates = sentences(description)
    return candidates[int(random.integers(len(candidates)))]
