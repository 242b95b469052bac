"""Parameters of the report of a run."""

from typing import Literal

from pydantic import Field

from vitrina.config.evaluation import GateConfig, MeasureConfig
from vitrina.config.parameters import Parameters

Language = Literal["en", "ru"]


class ReportConfig(Parameters, title="Report"):
    """What the report of a run shows."""

    language: Language = Field("en", description="Language of the report: en or ru.")
    rejected_samples: int = Field(
        4, ge=0, le=50, description="Rejected images shown for each reason; 0 shows none."
    )
    map_rows: int = Field(
        1_500,
        ge=0,
        le=10_000,
        description="Listings on the map of vectors at most, spread over the table; 0: no map.",
    )


class ReportingConfig(Parameters):
    """What a report shows, and what its metrics and its verdict were decided by."""

    report: ReportConfig
    measuring: MeasureConfig
    gate: GateConfig
