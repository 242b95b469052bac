"""What a training is asked to do, as a value that travels to its processes."""

from typing import Any

from vitrina.config.parameters import Parameters
from vitrina.config.queries import SearchQueries
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import TrainConfig
from vitrina.results import ModelResult, TableRef
from vitrina.store.fingerprint import fingerprint


class TrainingRequest(Parameters):
    """What to train, on what and into which folder; paths are local or ``s3://``."""

    table: str
    model: str
    folder: str
    inputs: dict[str, Any]  # everything that decides the weights, the code version included
    config: TrainConfig
    project_name: str
    listing: ListingConfig = BY_TITLE
    queries: SearchQueries | None = None

    @property
    def key(self) -> str:
        """The training's identity: a hash of its inputs."""
        return fingerprint(self.inputs)


def training_inputs(
    table: TableRef,
    model: ModelResult,
    config: TrainConfig,
    arithmetic: str,
    listing: ListingConfig = BY_TITLE,
    queries: SearchQueries | None = None,
) -> dict[str, Any]:
    """Everything besides code that decides the weights, as JSON values."""
    return {
        "table": table.fingerprint,
        "model": model.fingerprint,
        "parameters": config.content(),
        "listing": listing.content(),
        "arithmetic": arithmetic,
        **({"queries": queries.training_inputs()} if queries else {}),
    }
