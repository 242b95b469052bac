"""Stage "train": fine-tune ruCLIP on a processed table and keep the best epoch."""

from typing import Any

from prefect.runtime import task_run  # noqa: TID251 - the task may ask which try of it this is
from upath import UPath

from tasks import artifacts
from tasks.config import TrainConfig
from tasks.errors import UserError
from tasks.model_folder import folder_fingerprint, missing_files
from tasks.results import ModelResult, TrainResult
from tasks.stage import Stage, retried
from tasks.storage import Artifact, Store, fingerprint, is_aside, listing, location

STAGE = Stage("train", TrainResult, __name__)
PASSING = ("wandb/", "resume.pth", "manifest", ".")  # may change without the model changing


@retried
def train(
    table: str,
    table_fingerprint: str,
    model: ModelResult,
    store: Store,
    config: TrainConfig,
    project_name: str,
    refresh: bool = False,
    overwrite: bool = False,
) -> TrainResult:
    """The stored training of these inputs, an interrupted one brought to its end, or a new one.

    With an unkeyed store the folder is the user's: another training in it is refused unless
    ``overwrite``.
    """
    inputs = training_inputs(table_fingerprint, model, config)
    retries = bool(task_run.run_count and task_run.run_count > 1)

    def make(artifact: Artifact) -> tuple[TrainResult, list[str]]:
        # What this run's own first try has trained is gone on from, not cleared away.
        anew = (refresh or overwrite) and not retries
        return train_model(table, model, artifact, config, project_name, inputs, overwrite=anew)

    return STAGE.run(store, inputs, make, refresh=refresh)


def training_inputs(
    table_fingerprint: str, model: ModelResult, config: TrainConfig
) -> dict[str, Any]:
    """All that decides the weights, as plain values."""
    return {
        "table": table_fingerprint,
        "model": model.fingerprint,
        "parameters": config.content(),
    }


def check_base(model: str, folder: UPath) -> None:
    """Refuse a model that lies where training writes: it would be replaced before it is read."""
    base = location(model).resolve()
    if folder.resolve() in (base, base.parent) and not missing_files(base):
        raise UserError(
            f"{model} is the model to start from, and lies in {folder}, where the training would "
            "write over it. Name another folder for the new one."
        )


def train_model(
    table: str,
    model: ModelResult,
    artifact: Artifact,
    config: TrainConfig,
    project_name: str,
    inputs: dict[str, Any],
    *,
    overwrite: bool = False,
) -> tuple[TrainResult, list[str]]:
    """Fine-tune into the artifact's folder; the result and the files it consists of.

    A training begun there with the same ``inputs`` goes on from its last checkpoint. Raises
    UserError if the folder holds another training and ``overwrite`` is off, or the model itself.
    """
    check_base(model.folder, artifact.path)
    # torch costs seconds; help and wrong arguments answer without it
    from tasks.learning.job import Job
    from tasks.learning.launch import launch
    from tasks.learning.state import MODEL_FOLDER

    job = Job(
        table=table,
        model=model.folder,
        folder=str(artifact.path),
        key=fingerprint(inputs),
        inputs=inputs,
        config=config,
        project_name=project_name,
    )
    job.place.claim(overwrite=overwrite)
    with artifacts.progress("train", "step", "Training steps") as show:
        launch(job, show)
    _, progress = job.place.last()
    folder = artifact.path / MODEL_FOLDER
    result = TrainResult(
        folder=str(artifact.path),
        model=ModelResult(folder=str(folder), fingerprint=folder_fingerprint(folder)),
        checkpoint=str(artifact.path / progress.best_checkpoint),
        epochs=progress.epoch,
        best_epoch=progress.best_epoch,
        metrics=progress.best,
    )
    names = [name for name, _ in listing(artifact.path)]
    return result, [name for name in names if not name.startswith(PASSING) and not is_aside(name)]
