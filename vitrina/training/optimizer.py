"""AdamW over ruCLIP's parameters: which of them decay, and the learning rate of each layer."""

import re
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

# CLIP's (Radford et al. 2021, table 19, ViT).
BETAS = (0.9, 0.98)
EPSILON = 1e-6


def decays(name: str, parameter: Tensor) -> bool:
    """Whether weight decay applies: to matrices; not to biases, norms, embeddings, logit_scale."""
    return parameter.ndim >= 2 and "embedding" not in name


def depth(name: str, vision_layers: int, text_layers: int) -> int:
    """Layers between a parameter and its tower's output; 0 for projections and logit_scale."""
    block = re.search(r"resblocks\.(\d+)\.", name)
    layers = vision_layers if name.startswith("visual.") else text_layers
    if block:
        return layers - int(block.group(1))
    input_layers = ("embedding", "conv1", "ln_pre")
    return layers + 1 if any(part in name for part in input_layers) else 0


def parameter_groups(
    clip: nn.Module, weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Parameter groups for a torch optimiser; each trainable parameter is in exactly one.

    A group's ``scale`` is the factor of its learning rate, ``layer_decay ** depth``.
    """
    vision, text = (len(tower.resblocks) for tower in (clip.visual.transformer, clip.transformer))  # type: ignore[union-attr, arg-type]  # ruclip ships no types
    groups: dict[tuple[bool, float], list[nn.Parameter]] = defaultdict(list)
    for name, parameter in clip.named_parameters():
        if parameter.requires_grad:
            scale = layer_decay ** depth(name, vision, text)
            groups[decays(name, parameter), scale].append(parameter)
    return [
        {"params": members, "weight_decay": weight_decay if decayed else 0.0, "scale": scale}
        for (decayed, scale), members in groups.items()
    ]


def adamw(clip: nn.Module, weight_decay: float, layer_decay: float = 1.0) -> torch.optim.AdamW:
    """AdamW with CLIP's betas; :func:`set_learning_rate` sets its rates before each step."""
    groups = parameter_groups(clip, weight_decay, layer_decay)
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPSILON, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set each group's learning rate to ``rate`` times its scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
