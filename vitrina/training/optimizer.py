"""AdamW over ruCLIP's parameters: what decays, and how fast each layer learns."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

# CLIP's own (Radford et al. 2021, table 19, ViT).
BETAS = (0.9, 0.98)
EPSILON = 1e-6

Named = Iterable[tuple[str, nn.Parameter]]


def decays(name: str, parameter: Tensor) -> bool:
    """Whether weight decay applies: matrices only; no bias, norm, embedding or logit_scale."""
    return parameter.ndim >= 2 and "embedding" not in name


def depth(name: str, vision_layers: int, text_layers: int) -> int:
    """Layers between a parameter and its tower's output; 0 for heads and logit_scale."""
    block = re.search(r"resblocks\.(\d+)\.", name)
    layers = vision_layers if name.startswith("visual.") else text_layers
    if block:
        return layers - int(block.group(1))
    below = ("embedding", "conv1", "ln_pre")
    return layers + 1 if any(part in name for part in below) else 0


def parameter_groups(
    clip: nn.Module, weight_decay: float, layer_decay: float = 1.0
) -> list[dict[str, Any]]:
    """Groups for a torch optimiser: each trainable parameter in exactly one.

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
    """AdamW with CLIP's betas; its learning rates are set by :func:`set_learning_rate`."""
    groups = parameter_groups(clip, weight_decay, layer_decay)
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPSILON, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give each group ``rate`` times its own scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
