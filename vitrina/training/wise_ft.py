"""WiSE-FT: weights between the base and the fine-tuned model (Wortsman et al. 2022).

A mix often beats both: it keeps what the base knows of other products and most of what was learned.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from torch import Tensor

Weights = dict[str, Tensor]
Metrics = TypeVar("Metrics")


def interpolate_weights(
    base: Mapping[str, Tensor], tuned: Mapping[str, Tensor], wise_ft_alpha: float
) -> Weights:
    """``(1 - wise_ft_alpha) · base + wise_ft_alpha · tuned``; exactly the base at 0 and the tuned at 1."""
    if wise_ft_alpha in (0, 1):
        return dict(tuned if wise_ft_alpha else base)
    return {name: value.lerp(tuned[name], wise_ft_alpha) for name, value in base.items()}


def alphas(count: int) -> list[float]:
    """``count`` mixes up to and with 1, evenly apart, and the base's 0: best guess first."""
    return [index / count for index in range(count, -1, -1)]


def alpha_metrics(
    base: Mapping[str, Tensor],
    tuned: Mapping[str, Tensor],
    count: int,
    validate: Callable[[Weights], Metrics],
) -> dict[float, Metrics]:
    """The validation of every mix, from the tuned model's to the base's."""
    return {
        wise_ft_alpha: validate(interpolate_weights(base, tuned, wise_ft_alpha))
        for wise_ft_alpha in alphas(count)
    }
