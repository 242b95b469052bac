"""Parameters of the whole pipeline."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from vitrina.config.catalog import CATALOG_FORMS, CatalogPaths, CleanConfig
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.config.embedding import EmbedConfig
from vitrina.config.evaluation import EvaluateConfig, GateConfig
from vitrina.config.fetch import FetchConfig
from vitrina.config.health import HealthConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.index import IndexConfig
from vitrina.config.model import DEFAULT_MODEL, MODEL_SOURCES
from vitrina.config.parameters import Parameters
from vitrina.config.queries import QueryConfig, QueryTableConfig, QueryUseConfig
from vitrina.config.report import ReportConfig
from vitrina.config.run_options import RunOptions, TrackedRunOptions
from vitrina.config.text import ListingConfig
from vitrina.config.training import TrainConfig


class PipelinePaths(Parameters):
    """What the pipeline reads and where it writes."""

    catalog: CatalogPaths = Field(description=f"{CATALOG_FORMS}; 'demo' draws one.")
    images: str = Field(
        "",
        description="Folder with the images, local or s3://; 'demo' draws them. Not needed if "
        "resize.image_column names the images by address or absolute path, or holds them.",
    )
    model: str = Field(DEFAULT_MODEL, description=MODEL_SOURCES)
    output: str = Field("output", description="Folder for all artifacts, local or s3://.")


class PipelineConfig(
    QueryConfig, ListingConfig, RunOptions, TrackedRunOptions, PipelinePaths, title="Pipeline"
):
    """Clean, resize, train, evaluate, promote, embed, index."""

    demo_products: int = Field(
        400, ge=20, le=100_000, description="Number of products in the demo catalogue."
    )
    training_deployment: str = Field(
        "", description="Deployment that trains, e.g. train-model/gpu; empty: this process."
    )
    embedding_deployment: str = Field(
        "", description="Deployment that embeds, e.g. generate-embeddings/gpu; empty: this process."
    )
    skip: tuple[Literal["duplicates", "health"], ...] = Field(
        (), description="Stages to leave out: nothing else needs them."
    )
    clean: CleanConfig = CleanConfig()
    resize: ResizeConfig = ResizeConfig()
    fetch: FetchConfig = FetchConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    gate: GateConfig = GateConfig()
    embed: EmbedConfig = EmbedConfig()
    index: IndexConfig = IndexConfig()
    duplicates: DuplicatesConfig = DuplicatesConfig()
    health: HealthConfig = HealthConfig()
    report: ReportConfig = ReportConfig()

    # What few people change.
    FORM_LAST: ClassVar[tuple[str, ...]] = (
        "fetch",
        "several_images",
        *QueryTableConfig.model_fields,
        *QueryUseConfig.model_fields,
        "skip",
        "training_deployment",
        "embedding_deployment",
        "executor",
        "project_name",
        "demo_products",
        "refresh",
    )

    # How a run is carried out.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset(
        {"executor", "refresh", "project_name", "training_deployment", "embedding_deployment"}
    )

    @property
    def is_demo(self) -> bool:
        """Whether the catalogue and its images are drawn."""
        return self.catalog == ("demo",)

    @model_validator(mode="after")
    def _demo_is_given_for_both(self) -> Self:
        if self.is_demo != (self.images == "demo"):
            raise ValueError("'demo' draws a catalogue with its images: give it for both")
        return self

    @model_validator(mode="after")
    def _demo_queries_are_of_the_demo(self) -> Self:
        if "demo" in self.queries and not self.is_demo:
            raise ValueError(
                "queries 'demo' are for the demo's catalogue: give a table of your own"
            )
        return self

    @model_validator(mode="after")
    def _metrics_of_queries_have_queries(self) -> Self:
        for name, metric in (
            ("gate.metric", self.gate.metric),
            ("train.select_by", self.train.select_by),
        ):
            if metric.startswith("unseen_") and not self.queries:
                raise ValueError(f"{name} is {metric}, which needs queries: give --queries")
        return self

    @model_validator(mode="after")
    def _holds_out_products(self) -> Self:
        if not self.train.validation_fraction and not self.train.test_fraction:
            raise ValueError("set train.test_fraction above 0: models are compared on that part")
        return self
