"""The towers as a training step uses them: their mathematics, precision and frozen parameters."""

from typing import Any

import pytest
import torch

from vitrina.config.training import TrainConfig
from vitrina.model import forward, hardware
from vitrina.model.model import RuCLIP
from vitrina.training.towers import TrainingTowers

CPU = torch.device("cpu")


@pytest.fixture
def ids() -> torch.Tensor:
    """Texts of 3 to 11 tokens, int64 (5, 20)."""
    ids = torch.zeros(5, 20, dtype=torch.long)
    for row, length in enumerate((3, 5, 8, 11, 4)):
        ids[row, :length] = torch.tensor([2, *range(10, 8 + length), 3])
    return ids


@pytest.fixture
def pixels() -> torch.Tensor:
    """Random images, uint8 (5, 3, 32, 32)."""
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (5, 3, 32, 32), generator=random, dtype=torch.uint8)


def test_towers_equal_the_package_in_values_and_gradients(
    own_model: RuCLIP, ids: torch.Tensor
) -> None:
    """The faster towers are ruclip.CLIP's functions: cut text, last token, folded activation."""
    clip = own_model.clip
    images = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    wanted = clip.encode_image(images), clip.encode_text(ids)
    sum(features.square().sum() for features in wanted).backward()
    expected = {
        name: parameter.grad.clone()
        for name, parameter in clip.named_parameters()
        if parameter.grad is not None
    }
    clip.zero_grad()
    features = forward.encode_image(clip, images), forward.encode_text(clip, ids[:, :11])
    for own, package in zip(features, wanted, strict=True):
        torch.testing.assert_close(own, package, atol=1e-5, rtol=1e-5)
    sum(own.square().sum() for own in features).backward()
    for name, parameter in clip.named_parameters():
        if name != "logit_scale":
            assert parameter.grad is not None
            error = (parameter.grad - expected[name]).norm() / expected[name].norm().clamp(min=1e-3)
            assert error < 1e-5, name


def test_features_are_unit_vectors_of_the_packages_embeddings(
    own_model: RuCLIP, pixels: torch.Tensor, ids: torch.Tensor
) -> None:
    """Pixels are normalised as the package's transform does; the factor is logit_scale's exp."""
    towers = TrainingTowers(own_model, TrainConfig(), CPU)
    with torch.no_grad():
        image, text, factor = towers(pixels, ids)
        mean, std = (torch.tensor(own_model.processor().__dict__[name]) for name in ("mean", "std"))
        normalized = (pixels / 255 - mean[:, None, None]) / std[:, None, None]
        expected = own_model.clip.encode_image(normalized)
    torch.testing.assert_close(image, expected / expected.norm(dim=-1, keepdim=True))
    torch.testing.assert_close(text.norm(dim=-1), torch.ones(5))
    assert factor.item() == pytest.approx(own_model.clip.logit_scale.exp().item())


@pytest.mark.parametrize(
    ("device", "native", "precision", "autocasts"),
    [
        ("cpu", True, "auto", False),
        ("cpu", False, "bfloat16", True),
        ("cuda", True, "auto", True),
        ("cuda", False, "auto", False),
        ("cuda", True, "float32", False),
    ],
)
def test_auto_is_bfloat16_only_on_a_gpu_that_computes_it_natively(
    own_model: RuCLIP,
    monkeypatch: pytest.MonkeyPatch,
    device: Any,
    native: bool,
    precision: Any,
    autocasts: bool,
) -> None:
    """A CPU or a GPU that emulates bfloat16 trains in float32, unless bfloat16 is asked for."""
    monkeypatch.setattr(hardware, "NARROW", 0)  # the model of the tests is
    monkeypatch.setattr(hardware, "has_native_bfloat16", lambda: native)
    config = TrainConfig(device=device, precision=precision)
    assert TrainingTowers(own_model, config, CPU).autocasts is autocasts


def test_bfloat16_changes_the_arithmetic_and_not_the_type_of_the_features(
    own_model: RuCLIP, pixels: torch.Tensor, ids: torch.Tensor
) -> None:
    """Features in bfloat16 arithmetic are float32, near those of float32 and not equal to them."""
    exact, rounded = (
        TrainingTowers(own_model, TrainConfig(device="cpu", precision=precision), CPU)(pixels, ids)
        for precision in ("float32", "bfloat16")
    )
    for one, other in zip(exact[:2], rounded[:2], strict=True):
        assert other.dtype == torch.float32
        assert not torch.equal(one, other)
        assert (one * other).sum(dim=-1).min() > 0.99


@pytest.mark.parametrize("tower", ["image", "text"])
def test_the_frozen_tower_passes_features_through_and_needs_no_gradient(
    own_model: RuCLIP, pixels: torch.Tensor, ids: torch.Tensor, tower: Any
) -> None:
    """logit_scale and the other tower are trained; the frozen one's input is its features."""
    towers = TrainingTowers(own_model, TrainConfig(freeze=tower), CPU)
    trainable = {name for name, one in own_model.clip.named_parameters() if one.requires_grad}
    assert "logit_scale" in trainable
    assert all(
        name == "logit_scale" or name.startswith("visual.") is (tower == "text")
        for name in trainable
    )
    features = torch.randn(5, 16)
    image, text, _ = towers(features, ids) if tower == "image" else towers(pixels, features)
    assert (image if tower == "image" else text) is features
