"""The texts that the tests' tiny ruCLIP is made from, and comparisons of models and folders."""

from pathlib import Path

import torch

from vitrina.model.tokenize import TEMPLATES

TITLES = [
    "Красная кружка в полоску",
    "Синий чайник с узором",
    "ЖЁЛТОЕ ВЕДРО, 5 л (эмаль)",
    "Ваза «Снежинка» белая",
    "Рюкзак школьный зелёный для мальчика",
]
LONG_TITLE = "кружка " * 200  # longer than any model's context
TEXTS = [*TITLES, *TEMPLATES]


def contents(folder: Path) -> dict[str, bytes]:
    """Every visible file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Whether two models have the same tensors under the same names."""
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )
