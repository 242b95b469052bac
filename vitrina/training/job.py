"""A training as one value that can be sent to other processes and machines, and its execution."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.processed_table import read_table
from vitrina.catalog.split import split_rows
from vitrina.config import Parameters, TrainConfig
from vitrina.execution.progress import OnProgress
from vitrina.model.folder import FILES
from vitrina.model.model import load_folder
from vitrina.store.cache import local_copy, user_cache
from vitrina.store.files import write_bytes
from vitrina.store.paths import is_local, location
from vitrina.training.checkpoints import CARD, Place
from vitrina.training.data.pairs import columns_read
from vitrina.training.distributed import joined
from vitrina.training.fine_tune import fit
from vitrina.training.loop import Run, trained_config
from vitrina.training.model_card import model_card
from vitrina.training.tracking import Wandb

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


def run_job(job: Job, on_step: OnProgress) -> None:
    """Train in this process, or as one of those that torchrun or Ray started.

    What came of it stands in ``state.json`` of the job's folder.
    """
    rows = sides(job)
    counts = {name: len(part) for name, part in rows.items()}
    with joined() as world:
        model = load_folder(local_copy(location(job.model), FILES))
        if not world.leads:
            run = Run(job.place, world=world)
            fit(rows["train"], rows["validation"], model, job.config, run)
            return
        logger.info("train: rows for each side: %s", counts)
        tracker = Wandb(job.project_name, job.key, job.inputs, local_folder(job.place))
        try:
            run = Run(job.place, tracker, on_step, world)
            progress = fit(rows["train"], rows["validation"], model, job.config, run)
        finally:
            tracker.finish()
        config = trained_config(model, job.config)
        card = model_card(job.model, config, job.inputs, counts, progress)
        write_bytes(job.place.folder / CARD, card.encode())


def sides(job: Job) -> dict[str, pd.DataFrame]:
    """The table's rows by what they are for: train, validation, test."""
    config = job.config
    with flat_memory():
        table = read_table(location(job.table), columns_read(config))
        side = split_rows(table, config.validation_fraction, config.test_fraction, config.seed)
        return {name: table[side == name] for name in ("train", "validation", "test")}


def local_folder(place: Place) -> Path:
    """Where files that only this machine needs go: the run's folder, or the user's cache."""
    if is_local(place.folder):
        return Path(place.folder.path)
    return user_cache() / "runs" / place.key
