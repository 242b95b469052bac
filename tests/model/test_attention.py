"""Attention is torch's, however it is computed."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from vitrina.model.attention import dot_product_attention

BATCH, HEADS, LENGTH, WIDTH = 3, 2, 17, 16
CAUSAL = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
MASKS = {
    "none": None,
    "causal": CAUSAL,
    "of each row": torch.stack([CAUSAL, CAUSAL | CAUSAL.T, torch.eye(LENGTH).bool()])[:, None],
}


def inputs(dtype: torch.dtype) -> list[Tensor]:
    """Query, key and value as the towers cut them from one tensor; float64 values of ``dtype``."""
    random = torch.Generator().manual_seed(0)
    qkv = torch.randn(BATCH, LENGTH, 3, HEADS, WIDTH, generator=random)
    return list(qkv.to(dtype).double().permute(2, 0, 3, 1, 4))


def values_and_gradients(
    attend: Callable[..., Tensor], ones: list[Tensor], mask: Tensor | None, dtype: torch.dtype
) -> list[Tensor]:
    """The attended values, and the gradients of query, key and value, in float64."""
    leaves = [one.to(dtype).requires_grad_() for one in ones]
    attended = attend(*leaves, mask)
    assert attended.dtype == dtype
    gradients = torch.autograd.grad(attended.float().square().sum(), leaves)
    return [one.detach().double() for one in (attended, *gradients)]


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.bfloat16, 0.015)])
def test_values_and_gradients_are_torchs(
    dtype: torch.dtype, error: float, mask: Tensor | None
) -> None:
    """To the accuracy of the dtype, relative to torch's kernel in float64."""
    ones = inputs(dtype)
    exact = values_and_gradients(F.scaled_dot_product_attention, ones, mask, torch.float64)
    found = values_and_gradients(dot_product_attention, ones, mask, dtype)
    for ours, wanted in zip(found, exact, strict=True):
        assert (ours - wanted).norm() <= error * wanted.norm()
