"""A part of a report for a workflow's UI, and the file in which they are kept."""

import json
from collections.abc import Sequence
from typing import Literal

from pydantic import Field
from upath import UPath

from vitrina.config.parameters import Parameters
from vitrina.store.files import read_bytes, write_json


class UiArtifact(Parameters):
    """A part of a report."""

    key: str = Field(pattern="^[a-z0-9-]+$")
    kind: Literal["table", "markdown", "image"]
    body: str = Field(description="A JSON array of rows, Markdown, or a data: URI.")
    description: str


def write_ui_artifacts(path: UPath, artifacts: Sequence[UiArtifact]) -> None:
    """Write the artifacts as JSON, for a later run that finds the report stored."""
    write_json(path, [one.model_dump(mode="json") for one in artifacts])


def read_ui_artifacts(path: UPath) -> list[UiArtifact]:
    """Read them again."""
    return [UiArtifact.model_validate(one) for one in json.loads(read_bytes(path))]
