"""Fine-tune a model into a folder, in as many processes as are asked for."""

from typing import Any

from upath import UPath

from vitrina.config import Parameters, TrainConfig
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.model.folder import folder_fingerprint, missing_files
from vitrina.results import ModelResult, TrainResult
from vitrina.store.files import is_temp_file, listing
from vitrina.store.fingerprint import fingerprint
from vitrina.store.paths import to_path

# Files that may change without the model changing.
VOLATILE_FILES = ("wandb/", "resume.pth", "manifest", ".")


class TrainingRequest(Parameters):
    """What is trained on what, and the folder it goes to; paths are local or ``s3://``."""

    table: str
    model: str
    folder: str
    inputs: dict[str, Any]  # everything that decides the weights
    config: TrainConfig
    project_name: str

    @property
    def key(self) -> str:
        """Tells this training from others: a hash of its inputs."""
        return fingerprint(self.inputs)


def check_base(model: str, folder: UPath) -> None:
    """Refuse a base model in the folder that the training would write to."""
    base = to_path(model).resolve()
    if folder.resolve() in (base, base.parent) and not missing_files(base):
        raise UserError(
            f"{model} is the base model and lies in {folder}, where the training would overwrite "
            "it. Choose another folder for the new model."
        )


def train_model(
    request: TrainingRequest, progress: OnProgress = no_progress, *, overwrite: bool = False
) -> tuple[TrainResult, list[str]]:
    """Fine-tune into the request's folder; the result and the files it consists of.

    A training with the same inputs resumes from its last checkpoint. Raises UserError if the folder
    holds the base model, or another training and ``overwrite`` is off.
    """
    folder = to_path(request.folder)
    check_base(request.model, folder)
    # torch takes seconds to import
    from vitrina.training.checkpoints import MODEL_FOLDER, RunFolder
    from vitrina.training.processes.launch import launch

    run_folder = RunFolder(folder, request.key, request.inputs)
    run_folder.claim(overwrite=overwrite)
    launch(request, progress)
    _, state = run_folder.last()
    result = TrainResult(
        folder=str(folder),
        model=ModelResult(
            folder=str(folder / MODEL_FOLDER),
            fingerprint=folder_fingerprint(folder / MODEL_FOLDER),
        ),
        checkpoint=str(folder / state.best_checkpoint),
        epochs=state.epoch,
        best_epoch=state.best_epoch,
        metrics=state.best,
    )
    names = [name for name, _ in listing(folder)]
    return result, [
        name for name in names if not name.startswith(VOLATILE_FILES) and not is_temp_file(name)
    ]
