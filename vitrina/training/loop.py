"""The training loop: step, log, validate and save, from the start or the last checkpoint."""

import dataclasses
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.evaluation.figures_file import put_figures
from vitrina.evaluation.measurement import Metrics
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.model.device import choose
from vitrina.model.model import RuCLIP
from vitrina.model.save import put_model, put_model_files
from vitrina.store.files import remove
from vitrina.training.checkpoint_writer import CheckpointWriter
from vitrina.training.checkpoints import (
    BEST_WITHIN_EPOCH,
    MODEL_FOLDER,
    VALIDATED_BASE,
    VALIDATED_BEST,
    WITHIN_EPOCH,
    Progress,
    RunFolder,
    checkpoint_name,
)
from vitrina.training.data.batches import BatchDataset, loader, worker_count
from vitrina.training.data.pairs import pairs_from
from vitrina.training.data.pixels import shared_pixels
from vitrina.training.data.queries import QuerySampler, TrainingQueries
from vitrina.training.distributed import World
from vitrina.training.hard_negatives.mining import Miner
from vitrina.training.learner import Learner
from vitrina.training.loss_monitor import LossMonitor
from vitrina.training.tracking import MetricsFile, NoTracker, Tracker
from vitrina.training.trainable_model import trainable_copy
from vitrina.training.validation import (
    Validated,
    Validation,
    better,
    check_select_by,
    held_out_rows,
)
from vitrina.training.wise_ft import Weights, best_alpha, by_alpha, interpolate_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingRun:
    """The folder a training writes to, who follows it, and which of its processes this is."""

    run_folder: RunFolder
    tracker: Tracker = field(default_factory=NoTracker)
    on_step: OnProgress = no_progress
    world: World = field(default_factory=World)


class TrainingLoop:
    """Runs one training: :meth:`start`, :meth:`run_steps`, :meth:`finish`."""

    def __init__(
        self,
        table: pd.DataFrame,
        held_out: pd.DataFrame,
        model: RuCLIP,
        config: TrainConfig,
        run: TrainingRun,
        listing: ListingConfig = BY_TITLE,
        queries: TrainingQueries | None = None,
    ) -> None:
        self.config, self.run, self.base = config, run, model
        self.model = trainable_copy(model, config, listing)
        self.device = choose(config.device)
        pairs = pairs_from(table, listing)
        validated = held_out_rows(held_out, config.validation_rows, config.seed, listing, queries)
        check_select_by(config, validated)
        pixels = shared_pixels([pairs, validated.pairs], self.model, config.cache_gb)
        sampler = QuerySampler(queries.trained, pairs.groups) if queries else None
        self.batches = BatchDataset(pairs, pixels[0], self.model, config, run.world, sampler)
        self.miner: Miner | None = None
        if config.hard_negatives:
            self.miner = Miner(self.batches, queries.trained if queries else None)
        self.validation: Validation | None = None
        if len(validated.pairs):
            self.validation = Validation(validated, pixels[1], self.model, run.world)
        steps, use = len(self.batches), queries.use if queries else None
        self.learner = Learner(self.model, config, steps, self.device, run.world, use)
        self.checkpoints = CheckpointWriter(
            run.run_folder, self.learner, self.model.config, config, run.world
        )
        self.metrics = MetricsFile(run.run_folder.folder)
        self.monitor = LossMonitor(pairs.nm)

    @property
    def progress(self) -> Progress:
        """How far the training is."""
        return self.learner.progress

    def start(self) -> None:
        """Resume from the last checkpoint, or write the first files of a new training."""
        run_folder = self.run.run_folder
        precision = "bfloat16" if self.learner.towers.autocasts else "float32"
        logger.info("train: computing in %s on %s", precision, self.device)
        checkpoint, _ = run_folder.read_state()
        if checkpoint:
            self.learner.restore(run_folder.load(checkpoint))
            self.checkpoints.saved_step = self.progress.step
            self.metrics.resume(self.progress)
            logger.info("train: resumed after step %d of %d", self.progress.step, len(self.batches))
        elif self.run.world.is_main:
            run_folder.write_state(None, self.progress)
            put_model_files(self.model, run_folder.folder)

    def run_steps(self) -> None:
        """Train to the last step or until the early stop."""
        if self.progress.step == 0:
            validated = self._validate()
            self._put_validated(VALIDATED_BASE, validated)
            self.learner.progress = dataclasses.replace(
                self.progress, base=validated.metrics if validated else {}
            )
            self._log_validation(self.progress, self.progress.base)
        if self.progress.finalized_step < self.progress.step:  # interrupted before this was done
            self._finalize_step(self.learner.rate)
        remaining = range(self.progress.step, len(self.batches))
        if self.progress.stopped or not remaining:
            return
        self.learner.compute_frozen(self.batches.pixels)
        for steps in self._known_steps(remaining):
            self._run_known_steps(steps)
            if self.progress.stopped:
                return

    def _known_steps(self, remaining: range) -> Iterator[range]:
        """The steps, as far as their order is known: with hard negatives an epoch at a time."""
        if self.miner is None:
            yield remaining
            return
        per_epoch = self.batches.per_epoch
        while remaining:
            epoch = remaining.start // per_epoch
            if self.learner.order is None or self.learner.order.epoch != epoch:
                self.learner.order = self.miner.mine(epoch, self.learner)
            self.batches.use_order(self.learner.order)
            yield range(remaining.start, (epoch + 1) * per_epoch)
            remaining = range((epoch + 1) * per_epoch, remaining.stop)

    def _run_known_steps(self, steps: range) -> None:
        workers = worker_count(self.config.num_workers, self.device)
        self.monitor.restart()
        for batch in loader(self.batches, steps, workers, pin=self.device.type == "cuda"):
            rate = self.learner.rate
            self.monitor.add(batch.rows, self.learner.step(batch))
            self.run.on_step(self.progress.step, len(self.batches))
            self._finalize_step(rate)
            if self.progress.stopped:
                return

    def _finalize_step(self, rate: float) -> None:
        """Log, validate and save whatever is due after a step at this learning rate."""
        step = self.progress.step
        ends_epoch = step % self.batches.per_epoch == 0
        epoch = -(-step // self.batches.per_epoch)
        progress = dataclasses.replace(self.progress, finalized_step=step, epoch=epoch)
        validates = ends_epoch or _is_due(self.config.validate_every_steps, step)
        saves = self.checkpoints.is_due(step)
        if validates or saves or _is_due(self.config.log_every_steps, step):
            self._log_loss(progress, rate, on_console=validates)
        if validates:
            progress = self._update_best(progress, ends_epoch=ends_epoch)
        if ends_epoch or progress.stopped:
            self._save(checkpoint_name(progress.epoch), progress)
            self.checkpoints.remove_old(progress)
        elif saves:
            self._save(WITHIN_EPOCH, progress)
        self.learner.progress = progress

    def _log_loss(self, progress: Progress, rate: float, *, on_console: bool) -> None:
        metrics = self.monitor.check()
        if not metrics:  # the step was taken before a restart
            return
        scale = self.learner.logit_scale
        self._log(progress, {**metrics, "lr": rate, "logit_scale": scale})
        if on_console:
            logger.info(
                "train: epoch %d, step %d of %d: loss %.3f",
                progress.epoch,
                progress.step,
                len(self.batches),
                metrics["loss"],
            )

    def _log_validation(self, progress: Progress, metrics: Metrics) -> None:
        if metrics:
            self._log(progress, {f"validation/{name}": value for name, value in metrics.items()})
            logger.info(
                "train: validation: geometric mean rank %.2f, recall at 1 %.3f, at 10 %.3f",
                metrics["mean_geometric_rank"],
                metrics["mean_recall_at_1"],
                metrics["mean_recall_at_10"],
            )

    def _log(self, progress: Progress, metrics: Metrics) -> None:
        record = {"step": progress.step, "epoch": progress.epoch, **metrics}
        self.metrics.log(record)
        self.run.tracker.log(record)

    def _validate(self) -> Validated | None:
        if self.validation is None:
            return None
        with self.learner.kept_weights():
            return self.validation.run(self.learner.towers, self.device)

    def _update_best(self, progress: Progress, *, ends_epoch: bool) -> Progress:
        """Validate, and keep the weights as the best ones or count towards the early stop."""
        validated = self._validate()
        metrics = validated.metrics if validated else {}
        self._log_validation(progress, metrics)
        self.monitor.restart()  # the time of a validation is not training time
        select_by = self.config.select_by
        if metrics and progress.best_checkpoint and not better(metrics, progress.best, select_by):
            without = progress.validations_without_improvement + 1
            stopped = 0 < self.config.patience <= without
            return dataclasses.replace(
                progress, validations_without_improvement=without, stopped=stopped
            )
        self._put_validated(VALIDATED_BEST, validated)
        name = checkpoint_name(progress.epoch) if ends_epoch else BEST_WITHIN_EPOCH
        progress = dataclasses.replace(
            progress,
            best=metrics,
            best_epoch=progress.epoch,
            best_checkpoint=name,
            validations_without_improvement=0,
        )
        if not ends_epoch:
            self.checkpoints.write(name, progress)
        return progress

    def _put_validated(self, name: str, validated: Validated | None) -> None:
        """Keep the figures of a validation, from which the model card has its intervals."""
        if validated and self.run.world.is_main:
            put_figures(validated.figures, self.run.run_folder.folder / name)

    def _save(self, name: str, progress: Progress) -> None:
        self.checkpoints.save(name, progress)
        if self.run.world.is_main:
            self.metrics.flush()

    def save_interrupted(self) -> None:
        """Save the last step at an interrupt, unless it is half done or its loss is not finite."""
        step = self.progress.step
        is_new = step > self.checkpoints.saved_step
        if self.learner.consistent and is_new and self.monitor.is_finite():
            self._save(WITHIN_EPOCH, self.progress)
        logger.info("train: interrupted; step %d is saved", self.checkpoints.saved_step)

    def finish(self) -> Progress:
        """Write the ruCLIP folder: the best weights, or with WiSE-FT their best interpolation."""
        run_folder, progress = self.run.run_folder, self.progress
        self.run.world.barrier()  # the main process may still be writing the best checkpoint
        base = self.base.clip.state_dict()
        weights = run_folder.load(progress.best_checkpoint)["model_state_dict"]
        if self.config.wise_ft_points and self.validation:
            validated = by_alpha(base, weights, self.config.wise_ft_points, self._validate_weights)
            points = {alpha: one.metrics for alpha, one in validated.items()}
            alpha = best_alpha(points, self.config.select_by)
            self._put_validated(VALIDATED_BEST, validated[alpha])
            progress = dataclasses.replace(
                progress,
                wise_ft_alpha=alpha,
                best=points[alpha],
                alpha_metrics={f"{one:g}": metrics for one, metrics in points.items()},
            )
            weights = interpolate_weights(base, weights, alpha)
        if self.run.world.is_main:
            put_model(self.model, weights, run_folder.folder / MODEL_FOLDER)
            run_folder.write_state(checkpoint_name(progress.epoch), progress)
            self.metrics.flush()
            remove([run_folder.folder / WITHIN_EPOCH])
        return progress

    def _validate_weights(self, weights: Weights) -> Validated:
        assert self.validation is not None
        self.learner.clip.load_state_dict(weights)
        return self.validation.run(self.learner.towers, self.device)


def _is_due(interval: int, step: int) -> bool:
    return interval > 0 and step % interval == 0
