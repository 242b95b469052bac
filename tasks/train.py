"""Stage "train": fine-tune ruCLIP on a processed table and keep the best epoch."""

from typing import Any

from prefect.runtime import task_run

from tasks.orchestration import prefect_ui
from tasks.orchestration.stage import StageTask
from vitrina.config import TrackedRunOptions, TrainConfig
from vitrina.model.hardware import training_arithmetic
from vitrina.results import ModelResult, TableRef, TrainResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import Stage, StageOutcome
from vitrina.training.train import TrainingRequest, train_model

STAGE = Stage("train", TrainResult, "vitrina.training.job:run_job")


@StageTask
def train(
    table: TableRef,
    model: ModelResult,
    store: Store,
    config: TrainConfig,
    options: TrackedRunOptions,
    overwrite: bool = False,
) -> StageOutcome[TrainResult]:
    """The stored training of these inputs, an interrupted one resumed, or a new one.

    With an unkeyed store the folder is the user's: another training in it is refused unless
    ``overwrite``.
    """
    inputs = training_inputs(table, model, config, training_arithmetic(config))
    is_retry = bool(task_run.run_count and task_run.run_count > 1)

    def make(artifact: Artifact) -> tuple[TrainResult, list[str]]:
        request = TrainingRequest(
            table=table.path,
            model=model.folder,
            folder=str(artifact.path),
            inputs=inputs | {"code": STAGE.code_version},
            config=config,
            project_name=options.project_name,
        )
        # A retry resumes what the first try of this run has trained.
        replace = (options.refresh or overwrite) and not is_retry
        with prefect_ui.progress("train", "step", "Training steps") as progress:
            return train_model(request, progress, overwrite=replace)

    return STAGE.find_or_make(store, inputs, make, refresh=options.refresh)


def training_inputs(
    table: TableRef, model: ModelResult, config: TrainConfig, arithmetic: str
) -> dict[str, Any]:
    """Everything that decides the weights, as plain values."""
    return {
        "table": table.fingerprint,
        "model": model.fingerprint,
        "parameters": config.content(),
        "arithmetic": arithmetic,
    }
