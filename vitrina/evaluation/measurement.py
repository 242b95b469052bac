"""The evaluation of one model: metrics, row counts, examples, and the figures behind them."""

from dataclasses import dataclass

import pandas as pd
from pydantic import Field

from vitrina.config.parameters import Parameters

Metrics = dict[str, float]
DIRECTIONS = ("text_to_image", "image_to_text")
DEPTHS = (1, 5, 10)  # of recall
# Columns of the table of figures, beside one or more figures for each metric.
ROW, PRODUCT, LABEL = "row", "product", "label"  # and NM


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
    figures: str = Field(description="figures.parquet: figures of each held-out listing.")


@dataclass(frozen=True)
class Measured:
    """A measurement that was just made, with its table of figures: a row per held-out listing."""

    metrics: Metrics
    counts: dict[str, int]
    examples: tuple[Example, ...]
    figures: pd.DataFrame
