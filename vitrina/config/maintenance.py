"""Parameters of what is done to a store by hand."""

from typing import Self

from pydantic import Field, model_validator

from vitrina.config.finished_run import OUTPUT
from vitrina.config.parameters import Parameters


class RollBackConfig(Parameters):
    """Make an earlier model the current one."""

    output: str = Field(description=OUTPUT)
    to: str = Field(
        "",
        description="Model to go back to: the beginning of its fingerprint, or 'base'; "
        "empty: the one before the current one.",
    )
    list: bool = Field(False, description="Only list the models that were current, and when.")


class PruneConfig(Parameters):
    """Show what a store holds, and remove what nothing needs."""

    output: str = Field(description=OUTPUT)
    delete: bool = Field(False, description="Remove what is not needed; without it, only list it.")
    keep_days: float = Field(
        1,
        ge=0,
        description="Also keep what was written within this many days: a run may be at work on it.",
    )
    cache: bool = Field(
        False,
        description="Also prune this user's cache: copies of files on S3, decoded images of older "
        "code, folders of wandb runs.",
    )
    cache_models: bool = Field(
        False, description="With cache: also remove downloaded models from it."
    )

    @model_validator(mode="after")
    def _models_are_in_the_cache(self) -> Self:
        if self.cache_models and not self.cache:
            raise ValueError("cache_models removes models from the cache: give cache too")
        return self
