"""Implementations of the linear layers for inference; which is fastest depends on the machine.

A weight is (out, in), a bias (out,); a layer maps (..., in) to (..., out). An MLP is two layers
with ruCLIP's activation QuickGELU between them.
"""

import warnings
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

Layer = Callable[[Tensor], Tensor]

QUICK_GELU = 1.702  # x · sigmoid(1.702 x), Hendrycks and Gimpel 2016; ruclip.model.QuickGELU


class LinearKind(Protocol):
    """How linear layers are computed."""

    def linear(self, weight: Tensor, bias: Tensor | None) -> Layer:
        """One layer."""
        ...

    def mlp(self, fc: tuple[Tensor, Tensor], proj: tuple[Tensor, Tensor]) -> Layer:
        """An MLP; ``fc`` and ``proj`` are the weight and bias of its two layers."""
        ...


def quick_gelu_(x: Tensor) -> Tensor:
    """QuickGELU in place, with one temporary tensor."""
    return x.mul_(torch.mul(x, QUICK_GELU).sigmoid_())


class TorchLinear:
    """torch's own layers: the given weights without a copy, on any device, in any dtype."""

    def linear(self, weight: Tensor, bias: Tensor | None) -> Layer:
        """F.linear."""
        return lambda x: F.linear(x, weight, bias)

    def mlp(self, fc: tuple[Tensor, Tensor], proj: tuple[Tensor, Tensor]) -> Layer:
        """F.linear twice, with the activation in place."""
        return lambda x: F.linear(quick_gelu_(F.linear(x, *fc)), *proj)


class OneDnnLinear:
    """float32 or bfloat16 on a CPU, with a copy of the weights in oneDNN's own layout."""

    def linear(self, weight: Tensor, bias: Tensor | None, activation: str = "none") -> Layer:
        """oneDNN's product, fused with the activation."""
        layout = torch.ops.mkldnn._reorder_linear_weight(weight)

        def layer(x: Tensor) -> Tensor:
            y: Tensor = torch.ops.mkldnn._linear_pointwise(x, layout, bias, activation, [], "")
            return y

        return layer

    def mlp(self, fc: tuple[Tensor, Tensor], proj: tuple[Tensor, Tensor]) -> Layer:
        """oneDNN has only x * sigmoid(x), so the factor 1.702 goes into the weights."""
        first = self.linear(fc[0] * QUICK_GELU, fc[1] * QUICK_GELU, "swish")
        second = self.linear(proj[0] / QUICK_GELU, proj[1])
        return lambda x: second(first(x))


class Int8Linear:
    """int8 weights with a scale per output; inputs are quantized by their range in each call."""

    def linear(self, weight: Tensor, bias: Tensor | None) -> Layer:
        """torch's dynamically quantized layer."""
        scale = (weight.abs().amax(dim=1) / 127).clamp_min(1e-12).double()
        zero = torch.zeros(len(weight), dtype=torch.long)
        with warnings.catch_warnings():
            # torch deprecates quantized tensors; its release is pinned in constraints.txt.
            warnings.filterwarnings("ignore", message="torch.quantize_per_tensor")
            quantized = torch.quantize_per_channel(weight.float(), scale, zero, 0, torch.qint8)
        layout = torch.ops.quantized.linear_prepack(quantized, bias)
        # Without VNNI, products are summed in 16 bits, which only 7-bit inputs cannot overflow.
        seven_bits = not torch.cpu._is_vnni_supported()

        def layer(x: Tensor) -> Tensor:
            y: Tensor = torch.ops.quantized.linear_dynamic(x, layout, seven_bits)
            return y

        return layer

    def mlp(self, fc: tuple[Tensor, Tensor], proj: tuple[Tensor, Tensor]) -> Layer:
        """Two quantized layers with the activation in float32."""
        first, second = self.linear(*fc), self.linear(*proj)
        return lambda x: second(quick_gelu_(first(x)))
