"""The metrics of two models side by side, and how precise they are."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vitrina.catalog.processed_table import NM
from vitrina.config.evaluation import EvaluateConfig, MeasureConfig
from vitrina.errors import UserError
from vitrina.evaluation.measurement import PRODUCT, QUERY, ROW, Measurement
from vitrina.results import MetricIntervals

if TYPE_CHECKING:  # help and refusals answer without it
    import pandas as pd

logger = logging.getLogger(__name__)

MIN_RELIABLE_PRODUCTS = 30  # with fewer, the 95% interval of a recall of 0.5 is wider than ±0.18


def evaluation(
    before: Measurement,
    after: Measurement,
    intervals: Mapping[str, MetricIntervals],
    config: MeasureConfig,
) -> dict[str, Any]:
    """The content of evaluation.json: both models' metrics, intervals, row counts, parameters."""
    return {
        "before": before.metrics,
        "after": after.metrics,
        "intervals": {name: one.model_dump(mode="json") for name, one in intervals.items()},
        "counts": after.counts,
        "parameters": config.evaluate.content(),
        "split": config.split.model_dump(),
        "listing": config.listing.content(),
        "queries": config.queries.measuring_inputs() if config.queries else None,
    }


def side_by_side(before: "pd.DataFrame", after: "pd.DataFrame") -> "pd.DataFrame":
    """The ranks of each held-out listing or query by both models, from their tables of figures."""
    what = [name for name in (ROW, NM, PRODUCT, QUERY) if name in after]
    ranks = [str(name) for name in after if str(name).endswith("_rank")]
    return after[what].assign(
        **{
            f"{name}_{side}": figures[name]
            for name in ranks
            for side, figures in (("before", before), ("after", after))
        }
    )


def recall_interval(products: int) -> float:
    """Half the width of the 95% confidence interval of recall, at a recall of 0.5, its widest.

    By the normal approximation, 1.96 sqrt(p (1 - p) / n). n is the number of products, not of
    listings, because the listings of a product are found or missed together.
    """
    return 1.96 * math.sqrt(0.25 / products)


def warn_if_few(products: int) -> None:
    """Log a warning if too few products are held out for reliable metrics and a reliable gate."""
    if products < MIN_RELIABLE_PRODUCTS:
        logger.warning(
            "evaluate: only %d products are held out: recall has a 95%% interval of ±%.2f. "
            "Raise train.test_fraction, or use a larger catalogue.",
            products,
            recall_interval(products),
        )


def check_labels(columns: Sequence[str], config: EvaluateConfig) -> None:
    """Raise UserError if a label column was set and is missing; the default one may be missing."""
    default = EvaluateConfig.model_fields["label_column"].default
    if config.label_column not in (default, *columns):
        raise UserError(
            f"The catalogue has no column {config.label_column!r} with the classes of the linear "
            f"probe; it has: {', '.join(columns)}. Set evaluate.label_column."
        )
