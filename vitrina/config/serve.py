"""Parameters of serving search over HTTP."""

from typing import Literal

from pydantic import Field

from vitrina.config.finished_run import FinishedRun
from vitrina.config.parameters import Parameters


class ServeLimits(Parameters):
    """The most that a client may ask for."""

    max_top: int = Field(200, ge=1, le=10_000, description="Listings in an answer at most.")
    max_query: int = Field(500, ge=1, description="Characters of a text at most.")
    max_upload_mb: float = Field(10, gt=0, description="Size of a photo at most, in MB.")
    max_megapixels: float = Field(50, gt=0, description="Megapixels of a photo at most.")


class ServeAddress(FinishedRun):
    """What is served, where, and to whom."""

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on; 0.0.0.0 lets other machines in, and needs a token.",
    )
    port: int = Field(8100, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    token: str = Field(
        "",
        description="What clients must know, by default VITRINA_TOKEN of the environment, where "
        "other users of the machine do not see it.",
    )


class ServeConfig(ServeLimits, ServeAddress):
    """Serve search over HTTP, with a page for people."""

    wait: bool = Field(
        False, description="Start without a finished run, and serve the first one when it is there."
    )
    poll_seconds: float = Field(
        5, gt=0, description="How often to look for a new run, which is then served instead."
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to encode queries; auto uses a GPU if there is one."
    )
    onnx: str = Field(
        "", description="Folder that export-onnx has written: encode by it, without torch."
    )
