"""A training's progress, and the folder that holds its checkpoints and its state."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.files import atomic_write, listing, local_read, read_bytes, remove, write_bytes
from vitrina.store.paths import exists, is_file

STATE = "state.json"
WITHIN_EPOCH = "resume.pth"
BEST_WITHIN_EPOCH = "ruCLIP_model_best.pth"
EPOCH_CHECKPOINT = re.compile(r"ruCLIP_model_epoch\d+\.pth")
MODEL_FOLDER = "ruclip"
METRICS = "metrics.jsonl"
# Figures of a validation's listings: of the base model, and of the best weights so far.
VALIDATED_BASE, VALIDATED_BEST = "validation_base.parquet", "validation_best.parquet"
FILES = (
    "config.json",
    "bpe.model",
    "manifest.json",
    METRICS,
    "model_card.md",  # of an older version; the card is in the model's folder now
    STATE,
    WITHIN_EPOCH,
    VALIDATED_BASE,
    VALIDATED_BEST,
)


@dataclass(frozen=True)
class Progress:
    """How far a training is, and its validation metrics so far."""

    step: int = 0  # optimiser steps done; decides order, schedule, texts and augmentation
    finalized_step: int = 0  # the last step whose due logging, validation and saving is done
    epoch: int = 0  # that the last step belongs to, from 1
    base: dict[str, float] = field(default_factory=dict)  # validation before the first step
    best: dict[str, float] = field(default_factory=dict)  # validation of the best weights so far
    best_epoch: int = 0
    best_checkpoint: str = ""  # the file with the best weights
    validations_without_improvement: int = 0  # since the best one
    stopped: bool = False  # by the early stop
    wise_ft_alpha: float = 1.0  # the finished model: 0 is the base, 1 the best weights
    alpha_metrics: dict[str, dict[str, float]] = field(default_factory=dict)  # validation by alpha


@dataclass(frozen=True)
class RunFolder:
    """The folder of one training, with its state.json: which training it is and how far it is."""

    folder: UPath
    key: str
    inputs: dict[str, Any]  # everything that decides the weights: parameters, fingerprints, code

    def claim(self, *, overwrite: bool = False) -> None:
        """Check that the folder is free or holds this very training.

        Raises UserError if it holds another training, and names the differences; ``overwrite``
        removes whatever training is there.
        """
        if not exists(self.folder / STATE):
            return
        if overwrite:
            names = [name for name, _ in listing(self.folder)]
            remove(self.folder / name for name in names if _is_training_file(name))
            return
        state = self._state()
        if state.get("key") != self.key or _progress(state) is None:
            different = _differences(state.get("inputs"), self.inputs)
            raise UserError(
                f"{self.folder} holds another training (different: {', '.join(different)}). "
                "Choose another folder, or pass --overwrite to replace it."
            )

    def write_state(self, checkpoint: str | None, progress: Progress) -> None:
        """Record the checkpoint to resume from and the progress."""
        state = {
            "key": self.key,
            "checkpoint": checkpoint,
            "progress": dataclasses.asdict(progress),
            "inputs": self.inputs,
        }
        write_bytes(self.folder / STATE, json.dumps(state, indent=2, ensure_ascii=False).encode())

    def read_state(self) -> tuple[str | None, Progress]:
        """The checkpoint to resume from, None if there is none, and the recorded progress.

        Raises UserError if another version of Vitrina wrote the state.
        """
        if not exists(self.folder / STATE):
            return None, Progress()
        state = self._state()
        name, progress = state.get("checkpoint"), _progress(state)
        if progress is None:
            raise UserError(
                f"{self.folder / STATE} was written by another version of Vitrina. Use that "
                "version, or train into another folder."
            )
        return name if name and is_file(self.folder / name) else None, progress

    def save(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a checkpoint atomically."""
        size = tensor_bytes(content)
        with atomic_write(self.folder / name, size) as temp_file, temp_file.open("wb") as file:
            torch.save(dict(content), file)

    def load(self, name: str) -> dict[str, Any]:
        """The content of a checkpoint, its tensors on the CPU."""
        with local_read(self.folder / name) as local:
            content: dict[str, Any] = torch.load(local, weights_only=True, map_location="cpu")
            return content

    def _state(self) -> dict[str, Any]:
        """The content of state.json, empty if it is not a JSON object."""
        try:
            state = json.loads(read_bytes(self.folder / STATE))
        except ValueError:
            return {}
        return state if isinstance(state, dict) else {}


def checkpoint_name(epoch: int) -> str:
    """The file name of an epoch's checkpoint; epochs count from 1."""
    return f"ruCLIP_model_epoch{epoch}.pth"


def epoch_checkpoints(folder: UPath) -> list[str]:
    """Names of the epoch checkpoints in a training's folder."""
    return [name for name, _ in listing(folder) if EPOCH_CHECKPOINT.fullmatch(name)]


def on_cpu(value: Any) -> Any:
    """A nested value with every tensor on the CPU; a tensor that is there already is not copied."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {name: on_cpu(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [on_cpu(item) for item in value]
    return value


def tensor_bytes(value: Any) -> int:
    """The size in bytes of all tensors in a nested value."""
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, Mapping):
        return sum(map(tensor_bytes, value.values()))
    return sum(map(tensor_bytes, value)) if isinstance(value, list | tuple) else 0


def _is_training_file(name: str) -> bool:
    """Whether a training writes a file of this name, relative to its folder."""
    return name in FILES or name.startswith(("ruCLIP_model_", f"{MODEL_FOLDER}/"))


def _progress(state: Mapping[str, Any]) -> Progress | None:
    """The progress in a state, None if another version of Vitrina wrote it."""
    try:
        return Progress(**state["progress"])
    except (KeyError, TypeError):  # other fields than this version's
        return None


def _differences(old: object, new: Mapping[str, Any]) -> list[str]:
    """What differs in the inputs, for an error message; never empty."""
    different = list(_different_values(old, new)) if isinstance(old, dict) else []
    return different or ["the version of Vitrina that wrote it"]


def _different_values(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """``name old → new`` for each value that differs; one of a nested group by its own name."""
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _different_values(before, after)
        elif before != after:
            yield f"{name} {before} → {after}"
