"""TODO."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vitrina.config import EvaluateConfig, TrainConfig
from vitrina.errors import UserError
from vitrina.evaluation.stored import logger, split_parameters

if TYPE_CHECKING:
    from vitrina.evaluation.measure import Measurement

FEW_PRODUCTS = 30  # of fewer, a recall of one half is known to no better than 0.18


def uncertainty(products: int) -> float:
    """Half the width of a recall's 95% interval, where it is widest: at a recall of one half.

    The normal approximation, 1.96 sqrt(p (1 - p) / n), over products, since listings of one product
    are right or wrong together.
    """
    return 1.96 * math.sqrt(0.25 / products)


def warn_of_few(products: int) -> None:
    """Say so where the figures, and with them the gate, rest on too little."""
    if products < FEW_PRODUCTS:
        logger.warning(
            "evaluate: %d products are held out, so a recall of theirs is known to within %.2f "
            "only. Raise train.test_fraction, or take a larger catalogue.",
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


def evaluation(
    before: "Measurement", after: "Measurement", config: EvaluateConfig, split: TrainConfig
) -> dict[str, Any]:
    """The content of evaluation.json: both models' figures, the counts of rows, the parameters."""
    return {
        "before": before.metrics,
        "after": after.metrics,
        "counts": after.counts,
        "parameters": config.content(),
        "split": split_parameters(split),
    }
