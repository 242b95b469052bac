"""Weights on disk, and whether they are those of the architecture that a config.json describes."""

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vitrina.errors import UserError

Shapes = Mapping[str, tuple[int, ...]]


def read(path: Path) -> Any:
    """What ``torch.save`` wrote, mapped from the file; no code in the file is run.

    Raises UserError if the file is missing, is damaged, or holds more than plain values.
    """
    if not path.is_file():
        problem = "is a folder, not a file of weights" if path.is_dir() else "does not exist"
        raise UserError(f"{path} {problem}.")
    try:
        # Mapped, so that an optimizer's state beside the weights costs nothing.
        mapped = zipfile.is_zipfile(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is no file of plain weights: it is damaged or holds objects that would run "
            "code. Save it again with torch.save of a state_dict."
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} cannot be read as weights, perhaps cut short: {reason}") from error


def as_state_dict(content: object, path: Path) -> dict[str, Tensor]:
    """The state dict of a checkpoint or of a bare one, without DistributedDataParallel's prefix."""
    state = content
    if isinstance(content, Mapping) and "model_state_dict" in content:
        state = content["model_state_dict"]
    if not isinstance(state, Mapping) or not state:
        raise UserError(f"{path} holds no weights: expected a state dict, found {_kind(state)}.")
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def check(state: Mapping[str, Tensor], expected: Shapes, path: Path, owner: object) -> None:
    """Refuse weights that are not those of ``owner``'s architecture, given by its shapes."""
    strange = [name for name, tensor in state.items() if not isinstance(tensor, Tensor)]
    found = {name: tuple(state[name].shape) for name in state if name not in strange}
    if strange or not found.keys() & expected.keys():
        raise UserError(
            f"{path} holds no ruCLIP: expected tensors like {_some(expected)}, "
            f"found {_some(state)}."
        )
    if found == expected:
        return
    names = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    first = names[0]
    rest = f", {len(names) - 1} more differ" if len(names) > 1 else ""
    raise UserError(
        f"{path} is of another architecture than {owner}: tensor {first} is "
        f"{_shape(found.get(first))}, expected {_shape(expected.get(first))}{rest}.\n"
        f"{path} is {describe(found)}; {owner} is {describe(expected)}. Give the model that "
        "belongs to it."
    )


def describe(shapes: Shapes) -> str:
    """An architecture in a few words, as far as the shapes of its tensors tell."""
    patches = shapes.get("visual.conv1.weight", (0, 0, 0, 0))
    positions = shapes.get("visual.positional_embedding", (1, 0))[0]
    vocabulary, text_width = shapes.get("token_embedding.weight", (0, 0))
    side = round((positions - 1) ** 0.5) * patches[-1]
    return (
        f"embed_dim {shapes.get('text_projection', (0, 0))[-1]}, {side} px, "
        f"vision {_layers(shapes, 'visual.transformer')} × {patches[0]} / patch {patches[-1]}, "
        f"text {_layers(shapes, 'transformer')} × {text_width}, vocab {vocabulary}"
    )


def _layers(shapes: Shapes, tower: str) -> int:
    pattern = re.compile(rf"{re.escape(tower)}\.resblocks\.(\d+)\.")
    return len({found[1] for name in shapes if (found := pattern.match(name))})


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else "×".join(map(str, shape)) or "a number"


def _some(names: Mapping[str, object]) -> str:
    return ", ".join(list(names)[:3])


def _kind(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a dict with {_some(value) or 'nothing'}"
    return f"a {type(value).__name__}"
