"""What a training is after a step, how it is written and found again."""

import dataclasses
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from upath import UPath

from vitrina.errors import UserError
from vitrina.store.files import atomic_write, listing, local_read, read_bytes, remove, write_bytes
from vitrina.store.paths import is_file

logger = logging.getLogger(__name__)

STATE = "state.json"
WITHIN_EPOCH = "resume.pth"
BEST_WITHIN_EPOCH = "ruCLIP_model_best.pth"
EPOCH_CHECKPOINT = re.compile(r"ruCLIP_model_epoch\d+\.pth")
MODEL_FOLDER = "ruclip"
METRICS = "metrics.jsonl"
CARD = "model_card.md"
OURS = ("config.json", "bpe.model", "manifest.json", METRICS, CARD, STATE, WITHIN_EPOCH)


@dataclass(frozen=True)
class Progress:
    """How far a training is, and what it has found so far."""

    step: int = 0  # optimiser steps done; order, schedule, texts and augmentation follow from it
    finalized_step: int = 0  # the last step after which all due validation and saving was done
    epoch: int = 0  # that the last step belongs to, from 1
    base: dict[str, float] = field(default_factory=dict)  # validation before the first step
    best: dict[str, float] = field(default_factory=dict)  # validation of the best weights
    best_epoch: int = 0
    best_checkpoint: str = ""  # the file with the best weights
    validations_without_improvement: int = 0  # validations since the best one
    stopped: bool = False  # early
    wise_ft_alpha: float = 1.0  # of the base (0) and the best weights (1) in the finished model
    alpha_metrics: dict[str, dict[str, float]] = field(default_factory=dict)  # validation by mix


@dataclass(frozen=True)
class RunFolder:
    """The folder of one training: whose it is, and where its last checkpoint is."""

    folder: UPath
    key: str
    inputs: dict[str, Any]  # all that decides the weights: parameters, fingerprints

    def claim(self, *, overwrite: bool = False) -> None:
        """Make sure that the folder is free or this training's.

        Raises UserError if it holds another training, naming what differs; ``overwrite`` removes
        whatever training is there.
        """
        found = self._state()
        if found is None:
            return
        if overwrite:
            remove(self.folder / name for name in dict(listing(self.folder)) if _is_ours(name))
        elif found["key"] != self.key:
            different = ", ".join(_differences(found["inputs"], self.inputs))
            raise UserError(
                f"{self.folder} holds another training (different: {different}). "
                "Choose another folder, or pass --overwrite to replace it."
            )

    def point(self, checkpoint: str | None, progress: Progress) -> None:
        """Say which checkpoint to go on from, and how far the training is."""
        state = {
            "key": self.key,
            "checkpoint": checkpoint,
            "progress": dataclasses.asdict(progress),
            "inputs": self.inputs,
        }
        write_bytes(self.folder / STATE, json.dumps(state, indent=2, ensure_ascii=False).encode())

    def last(self) -> tuple[str | None, Progress]:
        """The checkpoint to go on from, if it is there, and the progress told with it."""
        found = self._state()
        if found is None:
            return None, Progress()
        name = found["checkpoint"]
        there = name is not None and is_file(self.folder / name)
        return name if there else None, Progress(**found["progress"])

    def save(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a checkpoint whole or not at all."""
        with atomic_write(self.folder / name) as temp_file, temp_file.open("wb") as file:
            torch.save(dict(content), file)

    def load(self, name: str) -> dict[str, Any]:
        """A checkpoint, on the CPU."""
        with local_read(self.folder / name) as local:
            content: dict[str, Any] = torch.load(local, weights_only=True, map_location="cpu")
            return content

    def _state(self) -> dict[str, Any] | None:
        path = self.folder / STATE
        if not path.fs.exists(path.path):
            return None
        found: dict[str, Any] = json.loads(read_bytes(path))
        return found


def checkpoint_name(epoch: int) -> str:
    """The file of an epoch, counted from 1."""
    return f"ruCLIP_model_epoch{epoch}.pth"


def epoch_checkpoints(folder: UPath) -> list[str]:
    """Names of the epochs' checkpoints that are in a training's folder."""
    return [name for name, _ in listing(folder) if EPOCH_CHECKPOINT.fullmatch(name)]


def on_cpu(value: Any) -> Any:
    """Nested dictionaries and lists with every tensor on the CPU, the same one if it is there."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, dict):
        return {name: on_cpu(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [on_cpu(one) for one in value]
    return value


def _is_ours(name: str) -> bool:
    """Whether a file of the folder is one that a training writes."""
    return name in OURS or name.startswith(("ruCLIP_model_", f"{MODEL_FOLDER}/"))


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs, with the old and the new value; parts of groups by their own names."""
    found = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after)
        elif before != after:
            found.append(f"{name} {before} → {after}")
    return found
