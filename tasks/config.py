"""Every parameter of Vitrina, once.

A field here is the command-line option, the Prefect UI's form entry, the validation and the
documentation. The models are frozen and refuse unknown names; this module imports neither torch nor
Prefect, so that help and a wrong value answer at once.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, lt=1)]
Pixels = Annotated[int, Field(ge=1, le=10_000)]
DEFAULT_MODEL = "ruclip-vit-base-patch32-384"


class Parameters(BaseModel):
    """Base of every parameter group: frozen, no unknown names, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CleanConfig(Parameters):
    """Which rows of the catalogue are kept, and what its columns are called."""

    nm_column: str = Field("nm", description="Column with the unique id of a listing.")
    title_column: str = Field("title", description="Column with the title.")
    description_column: str = Field("description", description="Column with the description.")
    required: tuple[Literal["title", "description"], ...] = Field(
        ("title", "description"), description="Texts without which a row is rejected."
    )
    batch_rows: int = Field(2_000, ge=1, description="Rows held in memory at a time.")


class ResizeConfig(Parameters):
    """How pictures are found and brought to size."""

    default_image_size: tuple[Pixels, Pixels] = Field(
        (384, 384), description="Width and height in pixels that a picture is made to fit within."
    )
    picture_pattern: str = Field(
        "{nm}.jpg", pattern=r"\{nm\}", description="File name of a row's picture; {nm} is its id."
    )
    quality: int = Field(92, ge=1, le=100, description="JPEG quality of the resized pictures.")
    max_pixels: int = Field(
        100_000_000, ge=1, description="A picture of more pixels than this is rejected as a bomb."
    )
    threads: int = Field(0, ge=0, description="Resizing threads; 0 chooses for the machine.")


class TrainConfig(Parameters):
    """How ruCLIP is fine-tuned."""

    num_epochs: int = Field(2, ge=1, description="Passes over the training rows.")
    batch_size: int = Field(32, ge=2, description="Pairs contrasted with each other in one step.")
    lr: float = Field(1e-6, gt=0, le=1, description="Peak learning rate.")
    seed: int = Field(0, ge=0, description="Seed of order, augmentation and initial weights.")
    validation_fraction: Fraction = Field(
        0.05, description="Part of the products held out to choose the best epoch."
    )
    test_fraction: Fraction = Field(
        0.1, description="Part of the products held out for the evaluation; never trained on."
    )
    num_workers: int = Field(0, ge=0, description="Processes that load pictures; 0 loads in-line.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto takes a GPU when there is one."
    )


class EvaluateConfig(Parameters):
    """What is measured before and after fine-tuning, on held-out products."""

    max_rows: int = Field(
        10_000, ge=2, description="Most held-out rows that are ranked; more are sampled."
    )
    probe_rows: int = Field(
        5_000, ge=0, description="Most training rows the linear probe learns from; 0 skips it."
    )
    label_column: str = Field("category", description="Column with the probe's classes.")


class EmbedConfig(Parameters):
    """How texts and pictures become vectors."""

    batch_size: int = Field(32, ge=1, description="Texts or pictures in one pass.")
    shard_rows: int = Field(2_000, ge=1, description="Rows in one output file; a restart resumes.")
    templates: Literal["ruclip", "single"] = Field(
        "ruclip",
        description="ruclip averages its six sentence templates as ruclip.Predictor does; "
        "single embeds the bare title, several times faster, with other values.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to compute; auto takes a GPU when there is one."
    )


class PipelineConfig(Parameters):
    """The whole way: clean, resize, train, evaluate, embed."""

    catalog: str = Field(description="Parquet table of listings, local or s3://; 'demo' draws one.")
    images: str = Field(description="Folder with the pictures, local or s3://; 'demo' draws them.")
    output: str = Field("output", description="Folder for all artifacts, local or s3://.")
    model: str = Field(
        DEFAULT_MODEL, description="ruCLIP to start from: a name, a local or s3:// folder, or tiny."
    )
    project_name: str = Field("fine-tuning-ruclip", description="wandb project.")
    refresh: bool = Field(False, description="Run every stage again, whatever is in the store.")
    clean: CleanConfig = CleanConfig()
    resize: ResizeConfig = ResizeConfig()
    train: TrainConfig = TrainConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    embed: EmbedConfig = EmbedConfig()
