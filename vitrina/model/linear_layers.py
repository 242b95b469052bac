"""The kinds of linear layer that inference chooses between, for the speed of the machine at hand.

A weight is (out, in), a bias (out,); a layer maps (..., in) to (..., out). A mlp is two
layers with ruCLIP's activation x * sigmoid(1.702 x) between them.
"""

import warnings
from collections.abc import Callable
from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

Layer = Callable[[Tensor], Tensor]

QUICK_GELU = 1.702  # ruclip.model.QuickGELU


class Kind(Protocol):
    """How linear layers are computed."""

    def linear(self, weight: Tensor, bias: Tensor | None) -> Layer:
        """One layer."""
        ...

    def mlp(self, fc: tuple[Tensor, Tensor], proj: tuple[Tensor, Tensor]) -> Layer:
        """Layer, activation, layer, of the two layers' weights and biases."""
        ...


def quick_gelu_(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x), in place with one temporary."""
    return x.mul_(torch.mul(x, QUICK_GELU).sigmoid_())


class TorchLinear:
    """On the given weights themselves: no copy, any device, any dtype."""

    def linear(self, weight: Tensor, bias: Tensor | None) -> Layer:
        """F.linear."""
        return lambda x: F.linear(x, weight, bias)

    def mlp(self, fc: tuple[Tensor, Tensor], proj: tuple[Tensor, Tensor]) -> Layer:
        """F.linear twice, the activation in place."""
        return lambda x: F.linear(quick_gelu_(F.linear(x, *fc)), *proj)


class OneDnnLinear:
    """float32 on a CPU, on a copy of the weights in the layout that oneDNN prefers."""

    def linear(self, weight: Tensor, bias: Tensor | None, activation: str = "none") -> Layer:
        """oneDNN's product, with its activation computed while the result is in the cache."""
        layout = torch.ops.mkldnn._reorder_linear_weight(weight)

        def layer(x: Tensor) -> Tensor:
            y: Tensor = torch.ops.mkldnn._linear_pointwise(x, layout, bias, activation, [], "")
            return y

        return layer

    def mlp(self, fc: tuple[Tensor, Tensor], proj: tuple[Tensor, Tensor]) -> Layer:
        """Two layers; as oneDNN has x * sigmoid(x) only, the weights carry the factor 1.702."""
        first = self.linear(fc[0] * QUICK_GELU, fc[1] * QUICK_GELU, "swish")
        second = self.linear(proj[0] / QUICK_GELU, proj[1])
        return lambda x: second(first(x))


class Int8Linear:
    """int8 weights, a scale per output; the input is quantised by its range in each call."""

    def linear(self, weight: Tensor, bias: Tensor | None) -> Layer:
        """torch's dynamically quantised layer."""
        scale = (weight.abs().amax(dim=1) / 127).clamp_min(1e-12).double()
        zero = torch.zeros(len(weight), dtype=torch.long)
        with warnings.catch_warnings():
            # torch announces the removal of these tensors; the release is pinned.
            warnings.filterwarnings("ignore", message="torch.quantize_per_tensor")
            quantised = torch.quantize_per_channel(weight.float(), scale, zero, 0, torch.qint8)
        layout = torch.ops.quantized.linear_prepack(quantised, bias)
        # Without VNNI the products are summed in 16 bits, which 7-bit inputs do not overflow.
        seven_bits = not torch.cpu._is_vnni_supported()

        def layer(x: Tensor) -> Tensor:
            y: Tensor = torch.ops.quantized.linear_dynamic(x, layout, seven_bits)
            return y

        return layer

    def mlp(self, fc: tuple[Tensor, Tensor], proj: tuple[Tensor, Tensor]) -> Layer:
        """Two quantised layers, the activation in float32."""
        first, second = self.linear(*fc), self.linear(*proj)
        return lambda x: second(quick_gelu_(first(x)))
