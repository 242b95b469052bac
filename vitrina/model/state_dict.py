"""Read weights from a file, and check that they have the shapes of an architecture."""

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
    """The content of a ``torch.save`` file, memory-mapped; code in the file is never run.

    Raises UserError if the file is missing, damaged or holds anything but plain values.
    """
    if not path.is_file():
        problem = "is a folder, not a weights file" if path.is_dir() else "does not exist"
        raise UserError(f"{path} {problem}.")
    try:
        # Mapped, so that the optimizer state of a checkpoint is not read.
        mapped = zipfile.is_zipfile(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is not a plain weights file: it is damaged, or holds objects that would run "
            "code when loaded. Save a state_dict again with torch.save."
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} cannot be read; it may be cut short: {reason}") from error


def as_state_dict(content: object, path: Path) -> dict[str, Tensor]:
    """The state dict in a file's content: the content itself, or its ``model_state_dict``.

    DistributedDataParallel's prefix is removed from the names. Raises UserError if there is none.
    """
    state = content
    if isinstance(content, Mapping) and "model_state_dict" in content:
        state = content["model_state_dict"]
    if not isinstance(state, Mapping) or not state:
        raise UserError(f"{path} holds no weights: expected a state dict, found {_type_of(state)}.")
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def check(state: Mapping[str, Tensor], expected: Shapes, path: Path, owner: object) -> None:
    """Raise UserError unless the weights have the ``expected`` shapes, which are ``owner``'s."""
    others = [name for name, tensor in state.items() if not isinstance(tensor, Tensor)]
    found = {name: tuple(state[name].shape) for name in state if name not in others}
    if others or not found.keys() & expected.keys():
        raise UserError(
            f"{path} holds no ruCLIP: expected tensors like {_first_names(expected)}, "
            f"found {_first_names(state)}."
        )
    if found == expected:
        return
    differing = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    first = differing[0]
    rest = f", {len(differing) - 1} more differ" if len(differing) > 1 else ""
    raise UserError(
        f"{path} does not have the architecture of {owner}: tensor {first} is "
        f"{_shape(found.get(first))}, expected {_shape(expected.get(first))}{rest}.\n"
        f"{path} is {describe(found)}; {owner} is {describe(expected)}. Give the model "
        "that these weights belong to."
    )


def describe(shapes: Shapes) -> str:
    """A short description of the architecture that the tensors' shapes show."""
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
    """Number of blocks of a tower."""
    pattern = re.compile(rf"{re.escape(tower)}\.resblocks\.(\d+)\.")
    return len({match[1] for name in shapes if (match := pattern.match(name))})


def _shape(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else "×".join(map(str, shape)) or "a scalar"


def _first_names(names: Mapping[str, object]) -> str:
    return ", ".join(list(names)[:3])


def _type_of(value: object) -> str:
    if isinstance(value, Mapping):
        return f"a dict with {_first_names(value) or 'nothing'}"
    return f"a {type(value).__name__}"
