"""What one training process does, whether it is the only one or one of several."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from vitrina.catalog.arrow_memory import flat_memory
from vitrina.catalog.processed_table import NM, read_table
from vitrina.catalog.queries.query_pairs import read_query_pairs
from vitrina.catalog.split import split_rows
from vitrina.catalog.text_template import check_text
from vitrina.execution.progress import OnProgress
from vitrina.model.model import load_folder
from vitrina.model.source import local_model
from vitrina.store.cache import user_cache
from vitrina.store.paths import is_local, to_path
from vitrina.training.checkpoints import RunFolder
from vitrina.training.data.pairs import columns_read
from vitrina.training.data.queries import TrainingQueries, training_queries
from vitrina.training.distributed import joined
from vitrina.training.fine_tune import fine_tune
from vitrina.training.loop import TrainingRun
from vitrina.training.model_card import put_model_card
from vitrina.training.request import TrainingRequest
from vitrina.training.tracking import WandbTracker
from vitrina.training.trainable_model import trained_config

logger = logging.getLogger(__name__)


def run_job(request: TrainingRequest, on_step: OnProgress) -> None:
    """Train in this process, alone or as one of those that torchrun or Ray started.

    The main process records the outcome in ``state.json`` of the request's folder.
    """
    rows, listing = rows_by_split(request), request.listing
    queries = read_training_queries(request, rows)
    counts = {name: len(part) for name, part in rows.items()}
    run_folder = RunFolder(to_path(request.folder), request.key, request.inputs)
    with joined(request.config.device) as world:
        model = load_folder(local_model(request.model))
        parts = rows["train"], rows["validation"]
        if not world.is_main:
            run = TrainingRun(run_folder, world=world)
            fine_tune(*parts, model, request.config, run, listing, queries)
            return
        logger.info("train: rows of each split: %s", counts)
        tracker = WandbTracker(
            request.project_name, request.key, request.inputs, local_folder(run_folder)
        )
        try:
            run = TrainingRun(run_folder, tracker, on_step, world)
            progress = fine_tune(*parts, model, request.config, run, listing, queries)
        finally:
            tracker.finish()
        config = trained_config(model, request.config, listing)
        put_model_card(run_folder, request.model, config, counts, progress)


def rows_by_split(request: TrainingRequest) -> dict[str, pd.DataFrame]:
    """The table's rows by split: ``train``, ``validation`` and ``test``."""
    config = request.config
    check_text(request.listing.text, to_path(request.table))
    with flat_memory():
        table = read_table(to_path(request.table), columns_read(config, request.listing))
        split = split_rows(table, config.validation_fraction, config.test_fraction, config.seed)
        return {name: table[split == name] for name in ("train", "validation", "test")}


def read_training_queries(
    request: TrainingRequest, rows: Mapping[str, pd.DataFrame]
) -> TrainingQueries | None:
    """The queries to learn from; None without any, and if none is for a training row."""
    if request.queries is None:
        return None
    parts = [rows[name] for name in ("train", "validation", "test")]
    index = np.concatenate([part.index.to_numpy(np.int64) for part in parts])
    nm = np.empty(len(index), object)
    nm[index] = np.concatenate([part[NM].to_numpy(object) for part in parts])
    use, seed = request.queries.use, request.config.seed
    pairs = read_query_pairs(to_path(request.queries.path), nm, use)
    trained, held_out = (part.index.to_numpy(np.int64) for part in parts[:2])
    queries = training_queries(pairs, trained, held_out, use, seed)
    logger.info(
        "train: %d queries of %d listings to learn from",
        len(np.unique(queries.trained.query)),
        len(np.unique(queries.trained.row)),
    )
    return queries if len(queries.trained) else None


def local_folder(run_folder: RunFolder) -> Path:
    """Where files that stay on this machine go: the run's folder, or the user's cache."""
    if is_local(run_folder.folder):
        return Path(run_folder.folder.path)
    return user_cache() / "runs" / run_folder.key
