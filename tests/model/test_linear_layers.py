"""The linear layers of inference are ruclip's, each to its own accuracy."""

import pytest
import torch
from torch import nn

from vitrina.model.linear_layers import (
    Int8Linear,
    LinearKind,
    OneDnnLinear,
    TorchLinear,
    quick_gelu_,
)
from vitrina.model.model import ruclip

KINDS = [(TorchLinear(), 1e-6), (OneDnnLinear(), 1e-5), (Int8Linear(), 0.05)]


@pytest.fixture
def x() -> torch.Tensor:
    """A batch of (2, 3) tokens of width 16."""
    return torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def layers() -> tuple[nn.Linear, nn.Linear]:
    """The two layers of an MLP from 16 over 64 to 16."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Linear(16, 64), nn.Linear(64, 16)


def test_activation_is_the_packages(x: torch.Tensor) -> None:
    """QuickGELU with ruclip's own factor, computed in place."""
    expected = ruclip.model.QuickGELU()(x)
    result = quick_gelu_(x)
    assert result is x
    torch.testing.assert_close(x, expected)


@pytest.mark.parametrize(("kind", "tolerance"), KINDS)
@pytest.mark.parametrize("has_bias", [True, False])
@torch.no_grad()
def test_layer_is_torchs(
    kind: LinearKind,
    tolerance: float,
    has_bias: bool,
    x: torch.Tensor,
    layers: tuple[nn.Linear, nn.Linear],
) -> None:
    """With a bias and without, on any batch shape; the input is left as it is."""
    weight, bias = layers[0].weight, layers[0].bias if has_bias else None
    before = x.clone()
    expected = torch.nn.functional.linear(x, weight, bias)
    torch.testing.assert_close(kind.linear(weight, bias)(x), expected, rtol=0, atol=tolerance)
    assert torch.equal(x, before)


@pytest.mark.parametrize(("kind", "tolerance"), KINDS)
@torch.no_grad()
def test_mlp_is_the_packages(
    kind: LinearKind, tolerance: float, x: torch.Tensor, layers: tuple[nn.Linear, nn.Linear]
) -> None:
    """Two layers with QuickGELU between them; the weights are left as they are."""
    fc, proj = layers
    weights = [parameter.clone() for layer in layers for parameter in layer.parameters()]
    mlp = kind.mlp((fc.weight, fc.bias), (proj.weight, proj.bias))
    expected = proj(ruclip.model.QuickGELU()(fc(x)))
    torch.testing.assert_close(mlp(x), expected, rtol=0, atol=tolerance)
    after = [parameter for layer in layers for parameter in layer.parameters()]
    assert all(map(torch.equal, weights, after))
