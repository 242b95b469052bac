"""Parameters of evaluation and of the gate."""

from typing import ClassVar, Literal

from pydantic import Field

from vitrina.config.parameters import Parameters, RankingMetric
from vitrina.config.queries import SearchQueries
from vitrina.config.text import BY_TITLE, ListingConfig
from vitrina.config.training import SplitConfig


class EvaluateConfig(Parameters, title="Evaluation: what is measured"):
    """What is measured on held-out products before and after fine-tuning."""

    max_rows: int = Field(
        10_000, ge=2, description="Held-out rows that are ranked at most; sampled from the rest."
    )
    probe_rows: int = Field(
        5_000, ge=0, description="Training rows for the linear probe at most; 0 skips it."
    )
    label_column: str = Field(
        "category", description="Column with the classes of the linear probe."
    )
    duplicate_rows: int = Field(
        2_000, ge=0, description="Held-out rows for duplicate detection at most; 0 skips it."
    )
    max_queries: int = Field(
        2_000, ge=1, description="Queries of each kind that are ranked at most; sampled."
    )
    gallery_rows: int = Field(
        10_000,
        ge=2,
        description="Listings that queries are ranked on: those that were chosen for them, the "
        "held-out ones, and others up to this number.",
    )
    examples: int = Field(
        8, ge=1, le=50, description="Texts on the contact sheet, each with its nearest images."
    )
    templates: Literal["ruclip", "single"] = Field(
        "ruclip", description="Sentence templates of texts, as in embed.templates."
    )
    batch_size: int = Field(64, ge=1, description="Texts or images in one forward pass.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto uses a GPU if there is one."
    )

    # Parameters that change how fast or where metrics are computed, not their values.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"batch_size", "device"})


class MeasureConfig(Parameters):
    """What is measured, on which held-out products and queries, and what the model sees."""

    evaluate: EvaluateConfig
    split: SplitConfig
    listing: ListingConfig = BY_TITLE
    queries: SearchQueries | None = None


class GateConfig(Parameters, title="Promotion: when a new model replaces the current one"):
    """When a fine-tuned model replaces the current one."""

    metric: RankingMetric = Field(
        "mean_geometric_rank", description="Held-out metric by which two models are compared."
    )
    margin: float = Field(
        0,
        ge=-1,
        le=1,
        description="How much better the new model must be: the whole interval of the difference "
        "must lie above it. Of a geometric rank it is the logarithm of the ratio: 0.05 is a rank "
        "that is lower by 5%. -1 promotes any model.",
    )
    confidence: float = Field(
        0.95,
        ge=0.5,
        lt=1,
        description="Confidence of that interval. At 0.95 a model that is no better is promoted in "
        "2.5% of the cases.",
    )
