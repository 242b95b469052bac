"""Stage "train": fine-tune ruCLIP on a processed table and keep the best epoch."""

from typing import Any

from upath import UPath

from tasks.orchestration import prefect_ui as artifacts
from vitrina.config import TrainConfig
from vitrina.errors import UserError
from vitrina.model.folder import folder_fingerprint, missing_files
from vitrina.results import ModelResult, TrainResult
from vitrina.store.artifacts import Artifact
from vitrina.store.files import is_aside, listing
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import location

PASSING = ("wandb/", "resume.pth", "manifest", ".")  # may change without the model changing


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
    from vitrina.training.checkpoints import MODEL_FOLDER
    from vitrina.training.job import Job
    from vitrina.training.processes.launch import launch

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
