"""Fine-tuning from start to end: the training loop, and what is saved and raised on a failure."""

import pandas as pd
import torch

from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.model.model import RuCLIP
from vitrina.training.checkpoints import Progress
from vitrina.training.data.queries import TrainingQueries
from vitrina.training.data.sampler import steps_per_epoch
from vitrina.training.kept_memory import kept_memory
from vitrina.training.loop import TrainingLoop, TrainingRun


def fine_tune(
    table: pd.DataFrame,
    held_out: pd.DataFrame,
    model: RuCLIP,
    config: TrainConfig,
    run: TrainingRun,
    listing: ListingConfig = BY_TITLE,
    queries: TrainingQueries | None = None,
) -> Progress:
    """Fine-tune a copy of ``model`` on a processed table, choosing the epoch on held-out rows.

    Writes into the run's folder: ``ruCLIP_model_epoch{N}.pth`` after each epoch, ``bpe.model`` and
    ``config.json`` beside it, ``metrics.jsonl`` and ``ruclip/``, a ruCLIP folder of the best epoch.
    With ``queries`` the loss is mixed with theirs. Resumes from the folder's last checkpoint.
    Whatever interrupts it, the last complete step is saved.

    Raises UserError if there are too few rows, a column of the listing's text is missing, an image
    cannot be read, the loss is not finite, or the GPU runs out of memory.
    """
    check_rows(len(table), config, run.world.size)
    check_lengths(config, model)
    training = TrainingLoop(table, held_out, model, config, run, listing, queries)
    training.start()
    try:
        with kept_memory():
            training.run_steps()
    except BaseException as error:
        training.save_interrupted()
        if isinstance(error, torch.OutOfMemoryError):
            raise UserError(out_of_memory(config)) from error
        raise
    return training.finish()


def check_rows(rows: int, config: TrainConfig, processes: int) -> None:
    """Raise UserError if a batch would hold no pair to contrast, or none for some process."""
    if rows < 2:
        raise UserError(f"Only {rows} rows to train on: contrastive training needs at least 2.")
    smallest = rows // steps_per_epoch(rows, config.batch_size)
    if processes > smallest:
        raise UserError(
            f"{rows} rows to train on give batches of {smallest}, which {processes} processes "
            f"cannot share. Set processes to at most {smallest}."
        )


def check_lengths(config: TrainConfig, model: RuCLIP) -> None:
    """Raise UserError if a vector would have to be cut to more numbers than it has."""
    too_long = [length for length in config.matryoshka if length >= model.embed_dim]
    if too_long:
        raise UserError(
            f"matryoshka names {too_long[0]}, but the model's vectors have {model.embed_dim} "
            f"numbers. Set train.matryoshka to lengths below {model.embed_dim}."
        )


def out_of_memory(config: TrainConfig) -> str:
    """The error message when the GPU runs out of memory: what to set, with a number."""
    size = min(config.chunk_size or config.batch_size, config.batch_size)
    kept = "The last checkpoint is kept; the same command resumes from it."
    if size > 1:
        return (
            f"The GPU's memory does not hold {size} pairs at a time. Set chunk_size to "
            f"{size // 2} or less: the same gradients in less memory. gradient_checkpointing saves "
            f"more, but takes more time. {kept}"
        )
    return (
        "The GPU's memory does not hold the activations of one pair. Set gradient_checkpointing, "
        f"freeze a tower, or take a smaller model. {kept}"
    )
