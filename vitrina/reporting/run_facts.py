"""What a report says of the run itself: what it read, with what, when."""

from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import PurePosixPath
from platform import python_version
from typing import Any

from pydantic import Field

from vitrina.config.changed import changed_parameters
from vitrina.config.parameters import Parameters
from vitrina.config.pipeline import PipelineConfig

PACKAGES = ("vitrina", "ruclip", "torch", "lancedb", "prefect")
NAMED = ("catalog", "images", "model", "output", "refresh", "report")  # shown elsewhere, or not


class RunFacts(Parameters):
    """The facts of a run. They are not part of the report's key, unless they decide a result."""

    catalog: str
    images: str
    model: str = Field(description="The base model, as it was given.")
    output: str
    name: str = Field(description="Of the run in Prefect.")
    started: datetime
    versions: dict[str, str]
    changed: dict[str, Any] = Field(description="Parameters that differ from their defaults.")
    decisive: dict[str, Any] = Field(description="Those of them that can change a result.")

    @property
    def title(self) -> str:
        """The catalogue's name: that of its file or folder, without the folders above."""
        return catalogue_name(self.catalog)


def run_facts(config: PipelineConfig, name: str, started: datetime) -> RunFacts:
    """The facts of a run of the pipeline."""
    return RunFacts(
        catalog=", ".join(config.catalog),
        images=config.images,
        model=config.model,
        output=config.output,
        name=name,
        started=started,
        versions={"python": python_version()} | {one: version(one) for one in PACKAGES},
        changed=changed_parameters(config, NAMED),
        decisive=changed_parameters(config, NAMED, content_only=True),
    )


def catalogue_name(catalog: str) -> str:
    """The name of the first file of a catalogue, or of the folder of a pattern."""
    first = catalog.split(", ")[0].rstrip("/")
    return PurePosixPath(first.replace("://", "/")).name or first


def plain_value(value: object) -> str:
    """A parameter's value on a line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={plain_value(one)}" for name, one in value.items())
    if isinstance(value, list):
        return " ".join(map(plain_value, value)) or "—"
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "—"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value) or "—"
