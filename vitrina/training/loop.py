"""One training: what happens when, from the start or the last checkpoint to the model folder."""

import copy
import dataclasses
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from vitrina.config import TrainConfig
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.model.device import choose
from vitrina.model.model import RuCLIP
from vitrina.model.save import put_model, put_model_files
from vitrina.store.files import remove
from vitrina.training.checkpoints import (
    BEST_WITHIN_EPOCH,
    MODEL_FOLDER,
    WITHIN_EPOCH,
    Progress,
    RunFolder,
    checkpoint_name,
    epoch_checkpoints,
)
from vitrina.training.data.batches import Steps, loader, worker_count
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import shared_pixels
from vitrina.training.distributed import World
from vitrina.training.learner import Learner
from vitrina.training.loss_monitor import LossMonitor
from vitrina.training.tracking import MetricsFile, NoTracker, Tracker
from vitrina.training.validation import Metrics, Validation, better, held_out_rows
from vitrina.training.wise_ft import Weights, alpha_metrics, interpolate_weights

logger = logging.getLogger(__name__)

SAVE_SECONDS = 600  # between checkpoints within an epoch, unless save_every_steps says otherwise


@dataclass(frozen=True)
class TrainingRun:
    """Where a training writes, whom it tells, and which of its processes this is."""

    run_folder: RunFolder
    tracker: Tracker = field(default_factory=NoTracker)
    on_step: OnProgress = no_progress
    world: World = field(default_factory=World)


class TrainingLoop:
    """One training: the order in which its parts do their work."""

    def __init__(
        self,
        table: pd.DataFrame,
        held_out: pd.DataFrame,
        model: RuCLIP,
        config: TrainConfig,
        run: TrainingRun,
    ) -> None:
        self.config, self.run, self.base = config, run, model
        self.model = to_train(model, config)
        self.device = choose(config.device)
        pairs = pairs_from(table)
        validated = held_out_rows(held_out, config.validation_rows, config.seed)
        pixels = shared_pixels([pairs, validated.pairs], self.model, config.cache_gb)
        self.steps = Steps(pairs, pixels[0], self.model, config, run.world)
        self.validation: Validation | None = None
        if len(validated.pairs):
            self.validation = Validation(validated, pixels[1], self.model, run.world)
        self.learner = Learner(self.model, config, len(self.steps), self.device, run.world)
        self.metrics = MetricsFile(run.run_folder.folder)
        self.monitor = LossMonitor(pairs.nm)
        self.saved_step, self.saved_at = 0, time.monotonic()

    @property
    def progress(self) -> Progress:
        """How far the training is."""
        return self.learner.progress

    def start(self) -> None:
        """Take up the last checkpoint, or begin the folder."""
        run_folder = self.run.run_folder
        checkpoint, _ = run_folder.last()
        if checkpoint:
            self.learner.restore(run_folder.load(checkpoint))
            self.saved_step = self.progress.step
            self.metrics.resume(self.progress)
            logger.info("train: resumed after step %d of %d", self.progress.step, len(self.steps))
        elif self.run.world.is_main:
            run_folder.point(None, self.progress)
            put_model_files(self.model, run_folder.folder)

    def run_steps(self) -> None:
        """Train to the last step or to the early stop."""
        if self.progress.step == 0:
            self.learner.progress = dataclasses.replace(self.progress, base=self._validate())
            self._log_validation(self.progress, self.progress.base)
        if (
            self.progress.finalized_step < self.progress.step
        ):  # interrupted between a step and its end
            self._settle(self.learner.rate)
        todo = range(self.progress.step, len(self.steps))
        if self.progress.stopped or not todo:
            return
        self.learner.compute_frozen(self.steps.pixels)
        workers = worker_count(self.config.num_workers, self.device)
        self.monitor.restart()
        for batch in loader(self.steps, todo, workers, pin=self.device.type == "cuda"):
            rate = self.learner.rate
            self.monitor.add(batch.rows, self.learner.step(batch))
            self.run.on_step(self.progress.step, len(self.steps))
            self._settle(rate)
            if self.progress.stopped:
                return

    def _settle(self, rate: float) -> None:
        """What is due after a step of this learning rate: figures, validation, a checkpoint."""
        config, progress = self.config, self.progress
        step, within = progress.step, progress.step % self.steps.per_epoch
        progress = dataclasses.replace(
            progress, finalized_step=step, epoch=-(-step // self.steps.per_epoch)
        )
        validates = not within or _every(config.validate_every_steps, step)
        saves = self._save_is_due()
        logs = validates or saves or _every(config.log_every_steps, step)
        # There are no figures if the step was taken before a restart.
        if logs and (figures := self.monitor.check()):
            scale = self.learner.logit_scale
            self._log(progress, {**figures, "lr": rate, "logit_scale": scale})
            if validates:
                where = f"epoch {progress.epoch}, step {step} of {len(self.steps)}"
                logger.info("train: %s: loss %.3f", where, figures["loss"])
        if validates:
            progress = self._judged(progress, ends=not within)
        if not within or progress.stopped:
            self._save(checkpoint_name(progress.epoch), progress)
            self._remove_old(progress)
        elif saves:
            self._save(WITHIN_EPOCH, progress)
        self.learner.progress = progress

    def _log(self, progress: Progress, figures: Metrics) -> None:
        record = {"step": progress.step, "epoch": progress.epoch, **figures}
        self.metrics.log(record)
        self.run.tracker.log(record)

    def _log_validation(self, progress: Progress, metrics: Metrics) -> None:
        if metrics:
            self._log(progress, {f"validation/{name}": value for name, value in metrics.items()})
            recall, first = metrics["mean_recall"], metrics["mean_recall_at_1"]
            logger.info("train: validation: recall %.3f, at 1 %.3f", recall, first)

    def _validate(self) -> Metrics:
        if self.validation is None:
            return {}
        with self.learner.kept_weights():
            return self.validation.run(self.learner.towers, self.device)

    def _judged(self, progress: Progress, *, ends: bool) -> Progress:
        """Validate: the weights are the best so far, or it is a validation nearer to the stop."""
        metrics = self._validate()
        self._log_validation(progress, metrics)
        self.monitor.restart()  # validating is no training: it does not count as its time
        if metrics and progress.best_checkpoint and not better(metrics, progress.best):
            validations_without_improvement = progress.validations_without_improvement + 1
            stopped = 0 < self.config.patience <= validations_without_improvement
            return dataclasses.replace(
                progress,
                validations_without_improvement=validations_without_improvement,
                stopped=stopped,
            )
        name = checkpoint_name(progress.epoch) if ends else BEST_WITHIN_EPOCH
        progress = dataclasses.replace(
            progress,
            best=metrics,
            best_epoch=progress.epoch,
            best_checkpoint=name,
            validations_without_improvement=0,
        )
        if not ends and self.run.world.is_main:
            self.run.run_folder.save(name, self._content(progress))
        return progress

    def _save_is_due(self) -> bool:
        if self.config.save_every_steps:
            return _every(self.config.save_every_steps, self.progress.step)
        # Each process has its own clock, and only one of them writes.
        return self.run.world.is_main and time.monotonic() - self.saved_at > SAVE_SECONDS

    def _content(self, progress: Progress) -> dict[str, Any]:
        return {
            "epoch": progress.epoch,
            **self.learner.content(),
            "config": self.model.config,
            "progress": dataclasses.asdict(progress),
            "training": {"key": self.run.run_folder.key, "inputs": self.run.run_folder.inputs},
        }

    def _save(self, name: str, progress: Progress) -> None:
        if self.run.world.is_main:
            self.run.run_folder.save(name, self._content(progress))
            self.run.run_folder.point(name, progress)
            self.metrics.flush()
        self.saved_step, self.saved_at = progress.step, time.monotonic()

    def _remove_old(self, progress: Progress) -> None:
        """Leave the newest checkpoints and the best one, where only so many are wanted."""
        keep = self.config.keep_checkpoints
        if not keep or not self.run.world.is_main:
            return
        stay = {checkpoint_name(progress.epoch - age) for age in range(keep)}
        stay.add(progress.best_checkpoint)
        folder = self.run.run_folder.folder
        remove(folder / name for name in epoch_checkpoints(folder) if name not in stay)

    def save_interrupted(self) -> None:
        """Save at an interruption, unless it came amid an update or after a broken step."""
        step = self.progress.step
        if self.learner.consistent and step > self.saved_step and self.monitor.is_finite():
            self._save(WITHIN_EPOCH, self.progress)
            logger.info("train: interrupted after step %d, which is saved", step)

    def finish(self) -> Progress:
        """Make the ruCLIP folder: the best weights, or the best mix of them and the base's."""
        run_folder, progress = self.run.run_folder, self.progress
        self.run.world.barrier()  # for the one that writes
        base, tuned = self.base.clip.state_dict(), run_folder.load(progress.best_checkpoint)
        weights = tuned["model_state_dict"]
        if self.config.wise_ft_points and self.validation:
            found = alpha_metrics(base, weights, self.config.wise_ft_points, self._validate_weights)
            progress = with_best_alpha(progress, found)
            weights = interpolate_weights(base, weights, progress.wise_ft_alpha)
        if self.run.world.is_main:
            put_model(self.model, weights, run_folder.folder / MODEL_FOLDER)
            run_folder.point(checkpoint_name(progress.epoch), progress)
            self.metrics.flush()
            remove([run_folder.folder / WITHIN_EPOCH])
        return progress

    def _validate_weights(self, weights: Weights) -> Metrics:
        assert self.validation is not None
        self.learner.clip.load_state_dict(weights)
        return self.validation.run(self.learner.towers, self.device)


def with_best_alpha(progress: Progress, found: Mapping[float, Metrics]) -> Progress:
    """The progress with the best of the validated mixes; on a tie, that of more fine-tuned."""
    best = 1.0
    for wise_ft_alpha in sorted(found, reverse=True):
        if better(found[wise_ft_alpha], found[best]):
            best = wise_ft_alpha
    points = {f"{wise_ft_alpha:g}": metrics for wise_ft_alpha, metrics in found.items()}
    return dataclasses.replace(progress, wise_ft_alpha=best, best=found[best], alpha_metrics=points)


def to_train(model: RuCLIP, config: TrainConfig) -> RuCLIP:
    """A copy whose configuration says how its images are made square."""
    return dataclasses.replace(
        model, clip=copy.deepcopy(model.clip), config=trained_config(model, config)
    )


def trained_config(model: RuCLIP, config: TrainConfig) -> dict[str, Any]:
    """The config.json of the fine-tuned model."""
    return {
        **model.config,
        "fit": model.resize_mode if config.resize_mode == "model" else config.resize_mode,
    }


def _every(interval: int, step: int) -> bool:
    return interval > 0 and step % interval == 0
