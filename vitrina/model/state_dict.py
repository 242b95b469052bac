"""Read weights from a file, and check that they have the shapes of an architecture."""

import json
import logging
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from vitrina.errors import UserError
from vitrina.store.fingerprint import fingerprint

logger = logging.getLogger(__name__)

# Where checkpoints of ours, of Lightning and open_clip, and of DeepSpeed hold the weights.
CONTAINERS = ("model_state_dict", "state_dict", "model", "module")
# What torch.compile, DistributedDataParallel, FSDP and activation checkpointing add to names.
WRAPPERS = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
MADE_BY = ("scalar", "_reconstruct")  # functions that a pickle names for NumPy's values
SAME_AS = "pytorch_model.bin"  # in the metadata of safetensors: the checksum of that file
ANCHOR = "visual.conv1.weight"  # a tensor that every ruCLIP has

Shapes = Mapping[str, tuple[int, ...]]


class _NumPyValue:
    """What stands in for a NumPy value in a file, such as the loss of an epoch: it is not built."""

    def __init__(self, *_arguments: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass


# A checkpoint with such a value would be refused as one that runs code.
NUMPY_NAMES: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    (_NumPyValue, f"numpy.{name}")
    for name in (
        "dtype",
        "ndarray",
        *(f"{core}.multiarray.{made}" for core in ("core", "_core") for made in MADE_BY),
    )
]


def read(path: Path) -> Any:
    """The content of a ``torch.save`` or safetensors file; code in the file is never run.

    Raises UserError if the file is missing, damaged or holds anything but plain values.
    """
    if not path.is_file():
        problem = "is a folder, not a weights file" if path.is_dir() else "does not exist"
        raise UserError(f"{path} {problem}.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        # Mapped, so that the optimizer state of a checkpoint is not read.
        mapped = zipfile.is_zipfile(path)
        with torch.serialization.safe_globals(NUMPY_NAMES):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is not a plain weights file: it is damaged, or holds objects that would run "
            "code when loaded. Save a state_dict again with torch.save."
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} cannot be read; it may be cut short: {reason}") from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read; it may be cut short: {error}") from error


def write_safetensors(state: Mapping[str, Tensor], path: Path, same_as: Path) -> None:
    """Write tensors with a note that those in the ``torch.save`` file ``same_as`` are the same."""
    # transformers opens no file without the format.
    save_file(dict(state), path, metadata={"format": "pt", SAME_AS: checksum(same_as)})
    with path.open("r+b") as file:  # the package writes metadata in random order
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        file.seek(8)
        file.write(json.dumps(header, separators=(",", ":")).encode().ljust(size))


def checksum(path: Path) -> str:
    """A hash of a ``torch.save`` file's tensors, from the list of contents at its end alone.

    Empty for a file of another kind.
    """
    if not zipfile.is_zipfile(path):
        return ""
    with zipfile.ZipFile(path) as archive:
        return fingerprint(*((Path(one.filename).name, one.CRC) for one in archive.infolist()))


def check_of_one_model(safetensors: Path, pytorch: Path) -> None:
    """Raise UserError if both files exist and the second has changed since the first was written.

    A file that another program wrote does not say what it is the same as, and is not checked.
    """
    if not (safetensors.is_file() and pytorch.is_file()):
        return
    try:
        with safe_open(safetensors, framework="pt") as opened:
            same = (opened.metadata() or {}).get(SAME_AS)
    except (SafetensorError, OSError):  # whoever reads the file says what is wrong with it
        return
    if same not in (None, checksum(pytorch)):
        raise UserError(
            f"{safetensors} and {pytorch.name} beside it hold different weights. Remove the one "
            "that is out of date."
        )


def independent(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors on the CPU, contiguous, and none in the memory of another: fit for any format."""
    tensors: dict[str, Tensor] = {}
    taken = set()
    for name, tensor in state.items():
        plain = tensor.detach().cpu().contiguous()
        storage = plain.untyped_storage()
        if storage.data_ptr() in taken or storage.nbytes() != plain.nbytes:
            plain = plain.clone()
        taken.add(plain.untyped_storage().data_ptr())
        tensors[name] = plain
    return tensors


def as_state_dict(content: object, path: Path) -> dict[str, Tensor]:
    """The state dict in a file's content, under the names of ruCLIP's own tensors.

    It is the content itself or one of its CONTAINERS. What wrappers put into the names is removed:
    torch.compile's ``_orig_mod.``, DistributedDataParallel's ``module.``, and the name under which
    another module, such as Lightning's, holds the model. Raises UserError if there is none, or more
    than one.
    """
    state = content
    while isinstance(state, Mapping) and (name := _container(state)):
        state = state[name]
    if not isinstance(state, Mapping) or not state:
        raise UserError(f"{path} holds no weights: expected a state dict, found {_type_of(state)}.")
    names = {name: _unwrapped(str(name)) for name in state}
    prefixes = {name.removesuffix(ANCHOR) for name in names.values() if _is_anchor(name)}
    if len(prefixes) > 1 or len(set(names.values())) < len(names):
        found = ", ".join(sorted(prefix or "(no prefix)" for prefix in prefixes)) or "equal names"
        raise UserError(f"{path} holds several models ({found}): save one of them on its own.")
    prefix = prefixes.pop() if prefixes else ""
    others = [name for name, plain in names.items() if not plain.startswith(prefix)]
    if others:
        logger.info("%s: %d tensors outside of %s are left out", path, len(others), prefix)
    return {
        plain.removeprefix(prefix): state[name]
        for name, plain in names.items()
        if plain.startswith(prefix)
    }


def _container(content: Mapping[Any, Any]) -> str | None:
    """The key of the weights in a checkpoint; None if it is a state dict itself."""
    if "model_state_dict" in content:  # ours, whatever it holds
        return "model_state_dict"
    return next((name for name in CONTAINERS if isinstance(content.get(name), Mapping)), None)


def _unwrapped(name: str) -> str:
    """A tensor's name without the parts that wrappers add, wherever they stand."""
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def _is_anchor(name: str) -> bool:
    return name == ANCHOR or name.endswith(f".{ANCHOR}")


def check_finite(state: Mapping[str, Tensor], path: Path) -> None:
    """Raise UserError if a weight is NaN or infinite: every vector would be."""
    wrong = [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]
    if wrong:
        first = state[wrong[0]]
        count = int((~torch.isfinite(first)).sum())
        rest = f", and {len(wrong) - 1} more tensors" if len(wrong) > 1 else ""
        raise UserError(
            f"{path} holds weights that are NaN or infinite: {count} of {first.numel()} values of "
            f"{wrong[0]}{rest}. The training that wrote it has failed: give an earlier checkpoint."
        )


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
