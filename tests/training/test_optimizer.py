"""The optimizers: what decays, the learning rate of each layer, which one trains what."""

import copy

import pytest
import torch

from vitrina.config.training import TrainConfig
from vitrina.model.model import RuCLIP
from vitrina.training.optimizer import (
    MUON_RATE,
    Together,
    make_optimizer,
    optimizer_kind,
    parameter_groups,
    set_learning_rate,
)


def test_each_parameter_is_in_one_group_and_only_matrices_decay(clip: torch.nn.Module) -> None:
    """Biases, norms, embeddings and logit_scale do not decay; every parameter is trained once."""
    groups = parameter_groups(clip, 0.1)
    members = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(members) == sorted(id(parameter) for parameter in clip.parameters())
    names = {id(parameter): name for name, parameter in clip.named_parameters()}
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
    optimizer = make_optimizer(clip, TrainConfig(optimizer="adamw", layer_decay=0.5))
    set_learning_rate(optimizer, 8.0)
    names = {id(parameter): name for name, parameter in clip.named_parameters()}
    rates = {names[id(p)]: group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for tower in ("", "visual."):
        assert rates[f"{tower}transformer.resblocks.1.ln_1.weight"] == 4.0
        assert rates[f"{tower}transformer.resblocks.0.mlp.c_fc.weight"] == 2.0
        assert rates[f"{tower}positional_embedding"] == 1.0
    assert rates["visual.proj"] == rates["text_projection"] == rates["logit_scale"] == 8.0
    assert rates["token_embedding.weight"] == rates["visual.conv1.weight"] == 1.0


def test_frozen_parameters_are_in_no_group(own_model: RuCLIP) -> None:
    """The optimiser does not get parameters that need no gradient."""
    clip = own_model.clip
    clip.visual.requires_grad_(False)
    members = [parameter for group in parameter_groups(clip, 0.1) for parameter in group["params"]]
    assert len(members) == sum(
        not name.startswith("visual.") for name, _ in clip.named_parameters()
    )


def test_muon_trains_the_matrices_of_the_blocks_and_adamw_the_rest(clip: torch.nn.Module) -> None:
    """Every parameter once; embeddings, projections, the patches and all vectors stay AdamW's."""
    optimizer = make_optimizer(clip, TrainConfig(optimizer="muon", layer_decay=0.5))
    assert isinstance(optimizer, Together)
    set_learning_rate(optimizer, 8.0)
    names = {id(parameter): name for name, parameter in clip.named_parameters()}
    adamw, muon = (
        {names[id(one)]: group["lr"] for group in part.param_groups for one in group["params"]}
        for part in optimizer.parts
    )
    assert sorted([*adamw, *muon]) == sorted(names.values())
    assert all("resblocks" in name and name.endswith("weight") for name in muon)
    assert not [name for name in muon if "ln_" in name]
    assert {"visual.proj", "text_projection", "token_embedding.weight"} <= set(adamw)
    assert muon["transformer.resblocks.0.mlp.c_fc.weight"] == 2.0 * MUON_RATE
    assert adamw["transformer.resblocks.0.ln_1.weight"] == 2.0


def test_auto_tells_a_model_that_was_never_trained(own_model: RuCLIP) -> None:
    """By its factor of the cosines, which every training moves; what is named is taken."""
    clip = own_model.clip
    assert optimizer_kind(clip, TrainConfig()) == "muon"
    assert optimizer_kind(clip, TrainConfig(optimizer="adamw")) == "adamw"
    with torch.no_grad():
        clip.logit_scale.add_(1e-4)
    assert optimizer_kind(clip, TrainConfig()) == "adamw"
    assert optimizer_kind(clip, TrainConfig(optimizer="muon")) == "muon"


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_a_restored_optimizer_takes_the_same_steps(own_model: RuCLIP, kind: str) -> None:
    """Through the state that a checkpoint holds, to the bit."""
    clips = [own_model.clip, copy.deepcopy(own_model.clip)]
    config = TrainConfig.model_validate({"optimizer": kind})
    one, other = (make_optimizer(clip, config) for clip in clips)

    def step(clip: torch.nn.Module, optimizer: object, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        for parameter in clip.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=random)
        set_learning_rate(optimizer, 1e-3)  # type: ignore[arg-type]  # one of the two above
        optimizer.step()  # type: ignore[attr-defined]  # likewise

    step(clips[0], one, 1)
    clips[1].load_state_dict(copy.deepcopy(clips[0].state_dict()))
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for clip, optimizer in zip(clips, (one, other), strict=True):
        step(clip, optimizer, 2)
    first, second = (clip.state_dict() for clip in clips)
    assert all(torch.equal(first[name], second[name]) for name in first)
