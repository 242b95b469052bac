"""An exponential moving average of the weights; if it is on, it is validated and kept."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """Exponential moving average of a model's parameters, with their device and dtype."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._names = [name for name, _ in model.named_parameters()]
        self._live = list(model.parameters())
        self._average = [parameter.detach().clone() for parameter in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Add the weights after optimiser step ``step`` (from 1) to the average.

        The decay is at most ``(1 + step) / (10 + step)``, as in TensorFlow and timm, so that the
        average soon forgets the initial weights.
        """
        decay = min(self.decay, (1 + step) / (10 + step))
        live = [parameter.detach() for parameter in self._live]
        torch._foreach_lerp_(self._average, live, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Swap the averaged weights into the model, and its own back afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for live, average in zip(self._live, self._average, strict=True):
            live.data, average.data = average.data, live.data

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """Resume from the averaged weights of a checkpoint."""
        for name, average in zip(self._names, self._average, strict=True):
            average.copy_(weights[name])
