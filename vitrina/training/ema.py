"""A moving average of the weights, which is what is validated and kept when it is on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """Exponential moving average of a model's parameters, on their device in their type."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._names = [name for name, _ in model.named_parameters()]
        self._live = list(model.parameters())
        self._average = [one.detach().clone() for one in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take up the weights after optimiser step ``step``, from 1; early steps weigh more."""
        decay = min(self.decay, (1 + step) / (10 + step))  # as in TensorFlow's and timm's
        torch._foreach_lerp_(self._average, [one.detach() for one in self._live], 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model with its averaged weights; its own are back afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for live, average in zip(self._live, self._average, strict=True):
            live.data, average.data = average.data, live.data

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from the averaged weights of a checkpoint."""
        for name, average in zip(self._names, self._average, strict=True):
            average.copy_(weights[name])
