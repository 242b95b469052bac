"""WiSE-FT: interpolate between the base and the fine-tuned weights (Wortsman et al. 2022).

An interpolation often beats both ends: it keeps what the base knows about other products and most
of what fine-tuning has learned.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from torch import Tensor

from vitrina.config.parameters import RankingMetric
from vitrina.evaluation.measurement import Metrics
from vitrina.training.validation import better

Weights = dict[str, Tensor]
Value = TypeVar("Value")


def interpolate_weights(
    base: Mapping[str, Tensor], tuned: Mapping[str, Tensor], alpha: float
) -> Weights:
    """``(1 - alpha) · base + alpha · tuned``; at 0 and 1 exactly the base and the tuned weights."""
    if alpha in (0, 1):
        return dict(tuned if alpha else base)
    return {name: value.lerp(tuned[name], alpha) for name, value in base.items()}


def alphas(count: int) -> list[float]:
    """``count`` evenly spaced values in (0, 1], from 1 down, and then 0."""
    return [index / count for index in range(count, -1, -1)]


def by_alpha(
    base: Mapping[str, Tensor],
    tuned: Mapping[str, Tensor],
    count: int,
    validate: Callable[[Weights], Value],
) -> dict[float, Value]:
    """The validation at each alpha, from the fine-tuned weights (1) to the base (0)."""
    return {alpha: validate(interpolate_weights(base, tuned, alpha)) for alpha in alphas(count)}


def best_alpha(metrics: Mapping[float, Metrics], select_by: RankingMetric) -> float:
    """The alpha with the best validation; of equally good ones the largest."""
    best = 1.0
    for alpha in sorted(metrics, reverse=True):
        if better(metrics[alpha], metrics[best], select_by):
            best = alpha
    return best
