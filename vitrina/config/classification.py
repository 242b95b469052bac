"""Parameters of the classifier."""

from typing import Literal

from pydantic import Field

from vitrina.config.finished_run import FinishedRun
from vitrina.config.parameters import Parameters
from vitrina.config.run_options import RefreshOption

FeatureKind = Literal["both", "text", "image"]


class ClassifierConfig(Parameters):
    """Which classes are learned, and from what."""

    column: str = Field("category", description="Column with the classes.")
    features: FeatureKind = Field(
        "both", description="Vectors that are looked at: of texts, of images, or both."
    )
    min_products: int = Field(
        5, ge=2, description="Classes with fewer different products are left out, and named."
    )
    max_rows: int = Field(
        20_000,
        ge=100,
        description="Rows that a model is trained on at most; of frequent classes fewer are drawn, "
        "and weigh more.",
    )
    labelled: bool = Field(
        False,
        description="Also predict the rows that have a class, each by a model that has not seen "
        "its product.",
    )


class ClassifyConfig(RefreshOption, ClassifierConfig, FinishedRun):
    """Train a classifier on a column of a finished run, and predict the rows without a class."""

    csv_formulas: Literal["keep", "escape"] = Field(
        "keep",
        description="Classes and ids in predictions.csv that a spreadsheet would run as a formula: "
        "keep them, or escape them with an apostrophe.",
    )
