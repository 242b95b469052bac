"""The optimizer of ruCLIP's parameters: AdamW, or Muon for the matrices of the blocks.

Which parameters decay, and the learning rate of each layer, are the same for both.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from vitrina.config.training import TrainConfig
from vitrina.model.untrained import is_untrained

Kind = Literal["adamw", "muon"]
State = Mapping[str, Any]

# CLIP's (Radford et al. 2021, table 19, ViT).
BETAS = (0.9, 0.98)
EPSILON = 1e-6
# Muon's updates are scaled to the size of AdamW's (Liu et al. 2025, Muon is scalable), so that one
# learning rate serves both; three times that learns more from random weights.
MUON_RATE = 3.0
SMALL_MATRIX = 1_000_000  # numbers; those of ruclip-vit-base have up to 2,400,000


class Optimizer(Protocol):
    """The part of torch's optimizers that a training uses."""

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...
    def zero_grad(self, set_to_none: bool = True) -> None: ...
    def step(self) -> None: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: State) -> None: ...


def make_optimizer(clip: nn.Module, config: TrainConfig) -> Optimizer:
    """The optimizer of ``config``; :func:`set_learning_rate` sets its rates before each step."""
    groups = parameter_groups(clip, config.weight_decay, config.layer_decay)
    if optimizer_kind(clip, config) == "adamw":
        return adamw(groups)  # type: ignore[return-value]  # its step also takes a closure
    matrices = {
        id(parameter)
        for name, parameter in clip.named_parameters()
        if "resblocks" in name and parameter.ndim == 2
    }
    return Together([adamw(_only(groups, matrices, False)), muon(_only(groups, matrices, True))])


def optimizer_kind(clip: nn.Module, config: TrainConfig) -> Kind:
    """``auto`` is muon for a model that was never trained, adamw for one that knows something."""
    if config.optimizer != "auto":
        return config.optimizer
    return "muon" if is_untrained(clip) else "adamw"


def _only(groups: Sequence[dict[str, Any]], chosen: set[int], inside: bool) -> list[dict[str, Any]]:
    """The groups with only those parameters that are ``chosen``, or only the others."""
    kept = (
        {**group, "params": [one for one in group["params"] if (id(one) in chosen) == inside]}
        for group in groups
    )
    return [group for group in kept if group["params"]]


def muon(groups: Sequence[dict[str, Any]]) -> "Muon":
    """Muon (Jordan et al. 2024): momentum whose matrices are made orthogonal before each update."""
    faster = [{**group, "scale": MUON_RATE * group["scale"]} for group in groups]
    return Muon(faster, lr=0.0, adjust_lr_fn="match_rms_adamw")


class Muon(torch.optim.Muon):
    """torch's, in one thread where the matrices are small.

    A step is hundreds of products. Of small matrices each takes less time than its threads need to
    wait for each other: on a busy machine with two cores a step took 30 times as long in two.
    """

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # without the closure, which nobody gives
        """Take one step."""
        largest = max(one.numel() for group in self.param_groups for one in group["params"])
        threads = torch.get_num_threads()
        if largest < SMALL_MATRIX:
            torch.set_num_threads(1)
        try:
            super().step()  # type: ignore[no-untyped-call]  # torch gives it no types
        finally:
            torch.set_num_threads(threads)


class Together:
    """Several optimizers as one; their states are numbered one after another."""

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self.parts = parts
        self.sizes = [sum(len(group["params"]) for group in one.param_groups) for one in parts]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all parts; changes to them count."""
        return [group for one in self.parts for group in one.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for one in self.parts:
            one.zero_grad(set_to_none)

    def step(self) -> None:
        """Take one step with each part."""
        for one in self.parts:
            one.step()

    def state_dict(self) -> dict[str, Any]:
        """A state as torch's optimizers have it."""
        states = [
            _renumbered(one.state_dict(), sum(self.sizes[:number]))
            for number, one in enumerate(self.parts)
        ]
        return {
            "state": {key: value for state in states for key, value in state["state"].items()},
            "param_groups": [group for state in states for group in state["param_groups"]],
        }

    def load_state_dict(self, state: State) -> None:
        """Restore :meth:`state_dict`."""
        groups, start = list(state["param_groups"]), 0
        for one, size in zip(self.parts, self.sizes, strict=True):
            own, groups = groups[: len(one.param_groups)], groups[len(one.param_groups) :]
            numbers = range(start, start + size)
            part = {key: value for key, value in state["state"].items() if key in numbers}
            one.load_state_dict(_renumbered({"state": part, "param_groups": own}, -start))
            start += size


def _renumbered(state: State, offset: int) -> dict[str, Any]:
    """A state whose parameters are numbered from ``offset`` on."""
    return {
        "state": {offset + number: value for number, value in state["state"].items()},
        "param_groups": [
            {**group, "params": [offset + number for number in group["params"]]}
            for group in state["param_groups"]
        ],
    }


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


def adamw(groups: Sequence[dict[str, Any]]) -> torch.optim.AdamW:
    """AdamW with CLIP's betas."""
    return torch.optim.AdamW(list(groups), lr=0.0, betas=BETAS, eps=EPSILON, fused=True)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Set each group's learning rate to ``rate`` times its scale."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
