"""Settings of a team's service: environment variables, and a file for the pipeline."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from vitrina.config.parameters import Parameters
from vitrina.config.pipeline import PipelineConfig
from vitrina.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "VITRINA_"
TRAINING = "train-model/gpu"


class Settings(Parameters):
    """What differs between one team's service and another's."""

    home: str = Field(
        "",
        description="Folder of the clone on the workers; empty: this one, or /app in containers.",
    )
    config: Path = Field(
        ROOT / "flows" / "demo.yaml",
        description="The deployed pipeline's parameters, as for its --config. Training goes to "
        f"{TRAINING} unless the file names another training_deployment.",
    )
    pool_type: Literal["process", "docker", "kubernetes"] = Field(
        "process", description="What a worker starts for a run."
    )
    image: str = Field("vitrina:latest", description="Image of a docker or kubernetes run.")
    gpu_slots: int = Field(1, ge=1, description="Runs that the gpu pool holds at a time.")
    crash_seconds: int = Field(
        180, ge=10, description="Seconds without a heartbeat after which a run counts as crashed."
    )

    @property
    def workers_home(self) -> str:
        """Where a flow run starts, so that relative paths mean the same in each."""
        return self.home or (str(ROOT) if self.pool_type == "process" else "/app")


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of the environment; an empty variable counts as not set."""
    given = {
        name: environment[PREFIX + name.upper()]
        for name in Settings.model_fields
        if environment.get(PREFIX + name.upper())
    }
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise UserError(_describe(error, PREFIX, str.upper)) from None


def pipeline_parameters(path: Path) -> dict[str, Any]:
    """The pipeline's parameters of a YAML file, checked; UserError names what is wrong in it."""
    try:
        values = {"training_deployment": TRAINING} | yaml.safe_load(path.read_text("utf-8"))
        if values["training_deployment"] is None:  # a line left empty: train in the same process
            values["training_deployment"] = ""
        values = {name: value for name, value in values.items() if value is not None}
        return PipelineConfig.model_validate(values).model_dump(mode="json", exclude_unset=True)
    except OSError as error:
        raise UserError(f"{PREFIX}CONFIG: {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, TypeError) as error:
        raise UserError(f"{path} is not a YAML mapping of parameters: {error}") from error
    except ValidationError as error:
        raise UserError(_describe(error, f"{path}: ")) from None


def _describe(error: ValidationError, prefix: str, style: Callable[[str], str] = str) -> str:
    return "; ".join(
        f"{prefix}{style('.'.join(map(str, wrong['loc'])))}: {wrong['msg']}, got {wrong['input']!r}"
        for wrong in error.errors(include_url=False)
    )
