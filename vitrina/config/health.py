"""Parameters of the catalogue's health."""

from pydantic import Field

from vitrina.config.finished_run import FinishedRun
from vitrina.config.parameters import Parameters
from vitrina.config.run_options import RefreshOption

CATEGORY_COLUMN = "category"


class HealthConfig(Parameters, title="Health: listings that look wrong"):
    """From when on a listing is worth a look."""

    mismatch_z: float = Field(
        3.5,
        gt=0,
        description="Standard deviations by which title and image of a listing fit worse than "
        "usual.",
    )
    placeholder_titles: int = Field(
        5, ge=2, description="Different titles under one image that make it a placeholder."
    )
    category_column: str = Field(
        CATEGORY_COLUMN,
        description="Column whose classes are compared with what listings look like.",
    )
    category_probability: float = Field(
        0.95, gt=0.5, le=1, description="Probability of another category that contradicts it."
    )
    probe_rows: int = Field(
        5_000,
        ge=100,
        description="Listings that the classifier of categories is trained on at most.",
    )
    min_side: int = Field(
        200,
        ge=1,
        description="Pixels that the longer side of an image should have; of images that fill the "
        "box they were resized into, nothing smaller than the box is known.",
    )
    blur_z: float = Field(
        4.0, gt=0, description="Standard deviations by which an image is less sharp than usual."
    )
    samples: int = Field(4, ge=0, le=50, description="Listings shown of each problem.")

    def columns(self) -> tuple[str, ...]:
        """The columns that the table must have: the default one may be missing."""
        return () if self.category_column == CATEGORY_COLUMN else (self.category_column,)


class CheckHealthConfig(RefreshOption, HealthConfig, FinishedRun):
    """Look for listings of a finished run that look wrong."""
