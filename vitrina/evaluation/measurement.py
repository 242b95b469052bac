"""The evaluation of one model: metrics, row counts, examples, and the figures behind them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vitrina.config.parameters import Parameters

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

Metrics = dict[str, float]
DIRECTIONS = ("text_to_image", "image_to_text")
# Queries that were never trained on, and queries for products that were not.
UNSEEN_QUERIES, UNSEEN_PRODUCTS = "unseen_queries", "unseen_products"
QUERY_KINDS = (UNSEEN_QUERIES, UNSEEN_PRODUCTS)
DEPTHS = (1, 5, 10)  # of recall
# Columns of the table of figures, beside one or more figures for each metric.
ROW, PRODUCT, LABEL = "row", "product", "label"  # and NM
QUERY = "query"  # of the table of a kind of queries, which has no product

LISTINGS = "listings"  # the name of the table of figures of listings; others are QUERY_KINDS


class Example(Parameters):
    """A held-out title and the images nearest to it; rows are positions in the table."""

    row: int
    rank: int  # of the first relevant image, from 1
    nearest: tuple[int, ...]  # rows, the nearest image first
    relevant: tuple[bool, ...]  # whether each of them shows the title's product
    cosine: tuple[float, ...]


class Measurement(Parameters):
    """The metrics of one model, the row counts behind them, and example queries."""

    metrics: Metrics
    counts: dict[str, int]
    examples: tuple[Example, ...]
    figures: dict[str, str] = Field(
        description="Parquet files: figures of each held-out listing, of each query of a kind."
    )


@dataclass(frozen=True)
class Measured:
    """A measurement that was just made, with its tables of figures: a row per listing or query."""

    metrics: Metrics
    counts: dict[str, int]
    examples: tuple[Example, ...]
    figures: "dict[str, pd.DataFrame]"


def resampled_units(figures: "pd.DataFrame") -> npt.NDArray[np.int64]:
    """What the rows of a table of figures are drawn by: their products, or each query by itself."""
    if PRODUCT in figures:
        return figures[PRODUCT].to_numpy(np.int64)
    return np.arange(len(figures))
