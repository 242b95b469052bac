"""Stage "train": fine-tune ruCLIP on a processed table and keep the best epoch."""

from prefect.runtime import task_run

from tasks.orchestration import prefect_ui
from tasks.orchestration.stage import StageTask
from vitrina.config.queries import SearchQueries
from vitrina.config.run_options import TrackedRunOptions
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.model.hardware import training_arithmetic
from vitrina.results import ModelResult, TableRef, TrainResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import Stage, StageOutcome
from vitrina.training.request import TrainingRequest, training_inputs
from vitrina.training.train import train_model

STAGE = Stage("train", TrainResult, "vitrina.training.job:run_job")


@StageTask
def train(
    table: TableRef,
    model: ModelResult,
    store: Store,
    config: TrainConfig,
    options: TrackedRunOptions,
    listing: ListingConfig = BY_TITLE,
    queries: SearchQueries | None = None,
    overwrite: bool = False,
) -> StageOutcome[TrainResult]:
    """Fine-tune a model: a stored training, an interrupted one resumed, or a new one.

    In an unkeyed store, whose folder the user has chosen, another training is replaced only with
    ``overwrite``; otherwise UserError is raised.
    """
    inputs = training_inputs(table, model, config, training_arithmetic(config), listing, queries)
    is_retry = bool(task_run.run_count and task_run.run_count > 1)

    def make(artifact: Artifact) -> tuple[TrainResult, list[str]]:
        request = TrainingRequest(
            table=table.path,
            model=model.folder,
            folder=str(artifact.path),
            inputs=inputs | {"code": STAGE.code_version},
            config=config,
            listing=listing,
            queries=queries,
            project_name=options.project_name,
        )
        # A retry must resume what the first attempt has trained, not replace it.
        replace = (options.refresh or overwrite) and not is_retry
        with prefect_ui.progress("train", "step", "Training steps") as progress:
            return train_model(request, progress, overwrite=replace)

    return STAGE.find_or_make(store, inputs, make, refresh=options.refresh)
