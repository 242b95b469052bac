"""When a training writes a checkpoint, what a checkpoint holds, and which old ones are removed."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from vitrina.config.training import TrainConfig
from vitrina.store.files import remove
from vitrina.training.checkpoints import (
    Progress,
    RunFolder,
    checkpoint_name,
    epoch_checkpoints,
)
from vitrina.training.distributed import World
from vitrina.training.learner import Learner

SAVE_SECONDS = 600  # between checkpoints within an epoch, unless save_every_steps is set


class CheckpointWriter:
    """Writes a learner's checkpoints to the run folder; only the main process writes."""

    def __init__(
        self,
        run_folder: RunFolder,
        learner: Learner,
        model_config: Mapping[str, Any],
        config: TrainConfig,
        world: World,
    ) -> None:
        self.run_folder, self.learner, self.world = run_folder, learner, world
        self.model_config, self.config = model_config, config
        self.saved_step, self._saved_at = 0, time.monotonic()

    def is_due(self, step: int) -> bool:
        """Whether a checkpoint within the epoch is due after this step."""
        if self.config.save_every_steps:
            return step % self.config.save_every_steps == 0
        # Each process has its own clock, and only the main one writes.
        return self.world.is_main and time.monotonic() - self._saved_at > SAVE_SECONDS

    def save(self, name: str, progress: Progress) -> None:
        """Write a checkpoint and make it the one to resume from."""
        if self.world.is_main:
            self.write(name, progress)
            self.run_folder.write_state(name, progress)
        self.saved_step, self._saved_at = progress.step, time.monotonic()

    def write(self, name: str, progress: Progress) -> None:
        """Write a checkpoint; the one to resume from stays as it is."""
        if self.world.is_main:
            self.run_folder.save(name, self._content(progress))

    def remove_old(self, progress: Progress) -> None:
        """Remove all but the newest ``keep_checkpoints`` epoch checkpoints and the best one."""
        keep = self.config.keep_checkpoints
        if not keep or not self.world.is_main:
            return
        kept = {checkpoint_name(progress.epoch - age) for age in range(keep)}
        kept.add(progress.best_checkpoint)
        folder = self.run_folder.folder
        remove(folder / name for name in epoch_checkpoints(folder) if name not in kept)

    def _content(self, progress: Progress) -> dict[str, Any]:
        return {
            "epoch": progress.epoch,
            **self.learner.content(),
            "config": dict(self.model_config),
            "progress": dataclasses.asdict(progress),
            "training": {"key": self.run_folder.key, "inputs": self.run_folder.inputs},
        }
