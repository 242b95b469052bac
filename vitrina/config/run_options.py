"""How a run is carried out: nothing here changes a result."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from vitrina.config.parameters import Parameters


def _known_executor(value: str) -> str:
    if not re.fullmatch(r"threads|ray|ray://[^/\s]+:\d+", value):
        raise ValueError(
            f"there is no executor {value!r}: expected threads, ray or ray://host:port"
        )
    return value


class RefreshOption(Parameters):
    """Whether stored results are used."""

    refresh: bool = Field(False, description="Compute everything again, whatever is stored.")


class RunOptions(RefreshOption):
    """How a run is carried out; nothing here changes a result."""

    FORM_LAST: ClassVar[tuple[str, ...]] = ("executor", "refresh")

    executor: Annotated[str, AfterValidator(_known_executor)] = Field(
        "threads",
        description="Where images are resized and rows embedded: threads (this process), ray (the "
        "cluster at RAY_ADDRESS, or a temporary one on this machine) or ray://host:port. Ray "
        "workers must see the same folders or buckets.",
    )


class TrackedRunOptions(RefreshOption):
    """How a stage that reports to wandb is carried out."""

    FORM_LAST: ClassVar[tuple[str, ...]] = ("project_name", "refresh")

    project_name: str = Field("fine-tuning-ruclip", description="wandb project.")
