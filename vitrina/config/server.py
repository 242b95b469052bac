"""Parameters of the kept Prefect server."""

from typing import Annotated, Literal

from pydantic import Field
from tyro.conf import Positional

from vitrina.config.parameters import Parameters


class ServerConfig(Parameters):
    """Keep one local Prefect server for all commands."""

    action: Positional[Annotated[Literal["start", "stop", "status"], Field()]] = Field(
        "status", description="start it, stop it, or show whether it runs."
    )
    port: int = Field(
        0, ge=0, le=65535, description="Port to start at; 0: 4200, or a free one if that is taken."
    )
