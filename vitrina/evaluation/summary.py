"""The metrics of two models side by side, and how far they can be trusted."""

import logging
import math
from collections.abc import Sequence
from typing import Any

from vitrina.config import EvaluateConfig, MeasureConfig
from vitrina.errors import UserError
from vitrina.evaluation.measurement import Measurement

logger = logging.getLogger(__name__)

FEW_PRODUCTS = 30  # with fewer, the interval of a recall of one half is wider than ±0.18


def evaluation(before: Measurement, after: Measurement, config: MeasureConfig) -> dict[str, Any]:
    """The content of evaluation.json: the metrics of both models, counts of rows, parameters."""
    return {
        "before": before.metrics,
        "after": after.metrics,
        "counts": after.counts,
        "parameters": config.evaluate.content(),
        "split": config.split.model_dump(),
    }


def uncertainty(products: int) -> float:
    """Half the width of the 95% interval of a recall of one half, where it is widest.

    The normal approximation, 1.96 sqrt(p (1 - p) / n), over products, because listings of one
    product are right or wrong together.
    """
    return 1.96 * math.sqrt(0.25 / products)


def warn_of_few(products: int) -> None:
    """Warn where the metrics, and with them the gate, rest on too few products."""
    if products < FEW_PRODUCTS:
        logger.warning(
            "evaluate: only %d products are held out: recall has a 95%% interval of ±%.2f. "
            "Raise train.test_fraction, or use a larger catalogue.",
            products,
            uncertainty(products),
        )


def check_labels(columns: Sequence[str], config: EvaluateConfig) -> None:
    """Refuse a label column that was named and is not there; the default one may be missing."""
    default = EvaluateConfig.model_fields["label_column"].default
    if config.label_column not in (default, *columns):
        raise UserError(
            f"The catalogue has no column {config.label_column!r} for the probe's classes; it has: "
            f"{', '.join(columns)}. Set evaluate.label_column."
        )
