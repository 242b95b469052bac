"""The run whose results a command works with."""

from pydantic import Field

from vitrina.config.parameters import Parameters

OUTPUT = "Folder of the pipeline's artifacts, local or s3://."


class FinishedRun(Parameters):
    """Where the run's results are."""

    output: str = Field("output", description=OUTPUT)
