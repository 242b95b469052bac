"""TODO."""

from prefect.runtime import task_run  # noqa: TID251 - the task may ask which try of it this is

from tasks.orchestration.stage import retried
from vitrina.config import TrainConfig
from vitrina.results import ModelResult, TrainResult
from vitrina.store.artifacts import Artifact, Store
from vitrina.store.stage import Stage
from vitrina.training.train import train_model, training_inputs

STAGE = Stage("train", TrainResult, __name__)


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
