"""A training as one value that can be sent to other processes and machines, and its execution."""

import logging
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tasks.config import Parameters, TrainConfig
from tasks.learning.card import model_card
from tasks.learning.distributed import joined
from tasks.learning.fit import fit
from tasks.learning.model_files import model_from
from tasks.learning.pixel_cache import user_cache
from tasks.learning.split import split_rows
from tasks.learning.state import CARD, Place
from tasks.learning.tracking import Wandb
from tasks.learning.training import Run, trained_config
from tasks.storage import is_local, location, write_bytes
from tasks.table import read_table

logger = logging.getLogger(__name__)


class Job(Parameters):
    """What is trained on what, and where it goes; each place local or ``s3://``."""

    table: str
    model: str
    folder: str
    key: str
    inputs: dict[str, Any]  # all that decides the weights
    config: TrainConfig
    project_name: str

    @property
    def place(self) -> Place:
        """The folder of the training."""
        return Place(location(self.folder), self.key, self.inputs)


def run_job(job: Job) -> None:
    """Train in this process, or as one of those that torchrun or Ray started.

    What came of it stands in ``state.json`` of the job's folder.
    """
    config = job.config
    rows = read_table(location(job.table))
    side = split_rows(rows, config.validation_fraction, config.test_fraction, config.seed)
    sides = {name: rows[side == name] for name in ("train", "validation", "test")}
    counts = {name: len(part) for name, part in sides.items()}
    del rows
    with joined() as world, model_from(location(job.model)) as model:
        if not world.leads:
            fit(sides["train"], sides["validation"], model, config, Run(job.place, world=world))
            return
        logger.info("train: rows for each side: %s", counts)
        tracker = Wandb(job.project_name, job.key, job.inputs, local_folder(job.place))
        try:
            with tqdm(desc="train", unit="step", disable=None) as bar:

                def on_step(step: int, steps: int) -> None:
                    bar.total = steps
                    bar.update(step - bar.n)

                run = Run(job.place, tracker, on_step, world)
                progress = fit(sides["train"], sides["validation"], model, config, run)
        finally:
            tracker.finish()
        card = model_card(job.model, trained_config(model, config), job.inputs, counts, progress)
        write_bytes(job.place.folder / CARD, card.encode())


def local_folder(place: Place) -> Path:
    """Where files that only this machine needs go: the run's folder, or the user's cache."""
    if is_local(place.folder):
        return Path(place.folder.path)
    return user_cache() / "runs" / place.key
