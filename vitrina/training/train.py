"""A training from request to result: check the folder, start the processes, collect the files."""

from upath import UPath

from vitrina.config.training import TrainConfig
from vitrina.errors import UserError
from vitrina.execution.progress import OnProgress, no_progress
from vitrina.model.folder import folder_fingerprint, missing_files
from vitrina.model.hardware import device_type, gpu_count
from vitrina.results import ModelResult, TrainResult
from vitrina.store.files import is_temp_file, listing
from vitrina.store.paths import to_path
from vitrina.training.request import TrainingRequest

# Prefixes of files that may change without changing the model; not part of the artifact.
VOLATILE_FILES = ("wandb/", "resume.pth", "manifest", ".")


def check_base(model: str, folder: UPath) -> None:
    """Raise UserError if the training's folder holds its base model, which it would overwrite."""
    base = to_path(model).resolve()
    if folder.resolve() in (base, base.parent) and not missing_files(base):
        raise UserError(
            f"The base model {model} is in {folder}, and the training would overwrite it. Choose "
            "another folder for the new model."
        )


def check_processes(config: TrainConfig) -> None:
    """Raise UserError if a training needs more GPUs than this machine has.

    What a Ray cluster has is not known here.
    """
    if config.launcher == "ray" or device_type(config.device) == "cpu":
        return
    if 1 < config.processes > (gpus := gpu_count()):
        raise UserError(
            f"processes is {config.processes}, one for each GPU, but this machine has {gpus}. Set "
            f"processes to at most {max(gpus, 1)}, or device to cpu."
        )


def train_model(
    request: TrainingRequest, progress: OnProgress = no_progress, *, overwrite: bool = False
) -> tuple[TrainResult, list[str]]:
    """Fine-tune into the request's folder; returns the result and the names of its files.

    A training with the same inputs resumes from its last checkpoint. Raises UserError if the folder
    holds the base model, or holds another training and ``overwrite`` is off.
    """
    folder = to_path(request.folder)
    check_base(request.model, folder)
    check_processes(request.config)
    # Imported here: they import torch, which takes seconds, and a cached training needs neither.
    from vitrina.training.checkpoints import MODEL_FOLDER, RunFolder
    from vitrina.training.processes.launch import launch

    run_folder = RunFolder(folder, request.key, request.inputs)
    run_folder.claim(overwrite=overwrite)
    launch(request, progress)
    _, final = run_folder.read_state()
    result = TrainResult(
        folder=str(folder),
        model=ModelResult(
            folder=str(folder / MODEL_FOLDER),
            fingerprint=folder_fingerprint(folder / MODEL_FOLDER),
        ),
        checkpoint=str(folder / final.best_checkpoint),
        epochs=final.epoch,
        best_epoch=final.best_epoch,
        metrics=final.best,
    )
    names = [name for name, _ in listing(folder)]
    return result, [
        name for name in names if not name.startswith(VOLATILE_FILES) and not is_temp_file(name)
    ]
