"""The parts of the recipe as pure functions: schedule, parameter groups, averages, mixes."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.small_training import ARCHITECTURE, catalogue, small_model
from vitrina.model import forward as blocks
from vitrina.model.model import RuCLIP, build
from vitrina.training.ema import MovingAverage
from vitrina.training.optimizer import adamw, parameter_groups, set_learning_rate
from vitrina.training.schedule import learning_rate
from vitrina.training.wise_ft import alpha_metrics, interpolate_weights


@pytest.fixture
def clip() -> torch.nn.Module:
    """A small ruCLIP with random weights."""
    torch.manual_seed(0)
    return build(ARCHITECTURE)


def test_rate_rises_to_its_peak_and_falls_to_nothing_as_a_cosine() -> None:
    """The schedule equals its formula, moves from the first step and ends just above zero."""
    rates = [learning_rate(step, 100, 0.1, 2.0) for step in range(100)]
    assert rates[:10] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    assert rates[10] == pytest.approx(2.0)
    assert rates[55] == pytest.approx(2.0 * 0.5 * (1 + math.cos(math.pi * 0.5)))
    assert np.all(np.diff(rates[10:]) < 0)
    assert 0 < rates[-1] < 0.01


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_rate_is_never_zero_in_the_shortest_trainings(steps: int) -> None:
    """A training of a step or two learns in each of them."""
    assert all(learning_rate(step, steps, 0.1, 1.0) > 0 for step in range(steps))


def test_each_parameter_is_in_one_group_and_only_matrices_decay(clip: torch.nn.Module) -> None:
    """Biases, norms, embeddings and logit_scale do not decay; every parameter is trained once."""
    groups = parameter_groups(clip, 0.1)
    members = [id(one) for group in groups for one in group["params"]]
    assert sorted(members) == sorted(id(one) for one in clip.parameters())
    names = {id(one): name for name, one in clip.named_parameters()}
    decayed = {names[id(p)] for group in groups if group["weight_decay"] for p in group["params"]}
    assert "transformer.resblocks.0.mlp.c_fc.weight" in decayed
    assert "visual.conv1.weight" in decayed
    assert "text_projection" in decayed
    not_decayed = set(names.values()) - decayed
    assert {"logit_scale", "token_embedding.weight", "visual.class_embedding"} <= not_decayed
    assert {"positional_embedding", "visual.positional_embedding"} <= not_decayed
    assert not [name for name in decayed if "bias" in name or "ln_" in name]


def test_lower_layers_learn_more_slowly_with_layer_decay(clip: torch.nn.Module) -> None:
    """Rates fall by the factor per layer, in both towers, from the heads down to the embeddings."""
    optimizer = adamw(clip, 0.1, layer_decay=0.5)
    set_learning_rate(optimizer, 8.0)
    names = {id(one): name for name, one in clip.named_parameters()}
    rates = {names[id(p)]: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for tower in ("", "visual."):
        assert rates[f"{tower}transformer.resblocks.1.ln_1.weight"] == 4.0
        assert rates[f"{tower}transformer.resblocks.0.mlp.c_fc.weight"] == 2.0
        assert rates[f"{tower}positional_embedding"] == 1.0
    assert rates["visual.proj"] == rates["text_projection"] == rates["logit_scale"] == 8.0
    assert rates["token_embedding.weight"] == rates["visual.conv1.weight"] == 1.0


def test_frozen_parameters_are_in_no_group(clip: torch.nn.Module) -> None:
    """What needs no gradient is not given to the optimiser."""
    clip.visual.requires_grad_(False)
    members = [one for group in parameter_groups(clip, 0.1) for one in group["params"]]
    assert len(members) == sum(
        not name.startswith("visual.") for name, _ in clip.named_parameters()
    )


@pytest.fixture
def model(tmp_path: Path) -> RuCLIP:
    """A small ruCLIP with its tokenizer."""
    return small_model(tmp_path, catalogue(tmp_path, 20))


def test_towers_equal_the_package_in_values_and_gradients(model: RuCLIP) -> None:
    """The faster towers are ruclip.CLIP's functions: cut text, last token, folded activation."""
    clip = model.clip
    pixels = torch.randn(5, 3, 32, 32)
    ids = torch.zeros(5, 20, dtype=torch.long)
    for row, length in enumerate((3, 5, 8, 11, 4)):
        ids[row, :length] = torch.tensor([2, *range(10, 8 + length), 3])
    wanted = clip.encode_image(pixels), clip.encode_text(ids)
    sum(one.square().sum() for one in wanted).backward()
    expected = {
        name: one.grad.clone() for name, one in clip.named_parameters() if one.grad is not None
    }
    clip.zero_grad()
    found = blocks.encode_image(clip, pixels), blocks.encode_text(clip, ids[:, :11])
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
    sum(one.square().sum() for one in found).backward()
    for name, parameter in clip.named_parameters():
        if name != "logit_scale":
            assert parameter.grad is not None
            error = (parameter.grad - expected[name]).norm() / expected[name].norm().clamp(min=1e-3)
            assert error < 1e-5, name


def test_mixes_end_at_the_base_and_at_the_fine_tuned() -> None:
    """WiSE-FT's ends are the two models to the bit, its middle their mean."""
    base, tuned = {"a": torch.tensor([1.0, 0.1])}, {"a": torch.tensor([3.0, 0.7])}
    assert torch.equal(interpolate_weights(base, tuned, 0)["a"], base["a"])
    assert torch.equal(interpolate_weights(base, tuned, 1)["a"], tuned["a"])
    torch.testing.assert_close(interpolate_weights(base, tuned, 0.5)["a"], torch.tensor([2.0, 0.4]))
    points = alpha_metrics(base, tuned, 4, lambda weights: {"first": weights["a"][0].item()})
    assert list(points) == [1, 0.75, 0.5, 0.25, 0]
    assert [one["first"] for one in points.values()] == [3, 2.5, 2, 1.5, 1]


def test_moving_average_follows_its_formula_and_gives_the_weights_back(
    clip: torch.nn.Module,
) -> None:
    """After some updates the average is the recursion's; the live weights are untouched by it."""
    average = MovingAverage(clip, 0.9)
    live = dict(clip.named_parameters())["visual.proj"]
    expected = live.detach().clone()
    for step in range(1, 4):
        with torch.no_grad():
            live.add_(1.0)
        average.update(step)
        expected = expected.lerp(live.detach(), 1 - min(0.9, (1 + step) / (10 + step)))
    before = live.detach().clone()
    with average.in_place():
        torch.testing.assert_close(dict(clip.named_parameters())["visual.proj"].detach(), expected)
    assert torch.equal(live.detach(), before)
