"""Parameter groups of AdamW: what decays, and the learning rate of each layer."""

import torch

from vitrina.model.model import RuCLIP
from vitrina.training.optimizer import adamw, parameter_groups, set_learning_rate


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
    optimizer = adamw(clip, 0.1, layer_decay=0.5)
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
