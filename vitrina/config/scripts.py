"""Parameters of the three scripts: a stage's group and the paths that it reads and writes."""

from typing import ClassVar

from pydantic import Field

from vitrina.config.catalog import CATALOG_FORMS, CatalogPaths, CleanConfig, OptionalCatalogPaths
from vitrina.config.embedding import EmbedConfig
from vitrina.config.fetch import FetchConfig
from vitrina.config.images import ResizeConfig
from vitrina.config.model import DEFAULT_MODEL, MODEL_SOURCES
from vitrina.config.parameters import Parameters
from vitrina.config.queries import QueryConfig
from vitrina.config.run_options import RunOptions, TrackedRunOptions
from vitrina.config.text import EmbeddedListingConfig, ListingConfig
from vitrina.config.training import TrainConfig


class PreprocessingPaths(Parameters):
    """Paths that preprocessing reads and writes."""

    file_path: CatalogPaths = Field(description=f"{CATALOG_FORMS}.")
    base_image_path: str = Field(
        "",
        description="Folder with the images, local or s3://. Not needed if image_column names "
        "the images by address or absolute path, or holds them.",
    )
    processed_data_path: str = Field(description="Folder for the processed table.")
    processed_images_path: str = Field(description="Folder for the resized images.")


class DataPreprocessingConfig(
    CleanConfig, ResizeConfig, RunOptions, PreprocessingPaths, title="Preprocessing"
):
    """Clean a catalogue and resize its images."""

    FORM_LAST: ClassVar[tuple[str, ...]] = (
        *CleanConfig.FORM_LAST,
        "fetch",
        *RunOptions.FORM_LAST,
    )

    fetch: FetchConfig = FetchConfig()


class TrainingPaths(Parameters):
    """Paths that training reads and writes."""

    processed_data_path: str = Field(
        description="processed_data.csv; made from --file_path when it does not exist yet."
    )
    model_save_path: str = Field(description="Folder for checkpoints and the fine-tuned model.")
    file_path: OptionalCatalogPaths = Field(
        (),
        description="Catalogue to preprocess first, as data_preprocessing.py takes it.",
    )
    base_image_path: str | None = Field(None, description="Folder with its images.")
    model: str = Field(DEFAULT_MODEL, description=MODEL_SOURCES)
    overwrite: bool = Field(False, description="Replace another training in --model_save_path.")


class TrainModelConfig(
    TrainConfig, QueryConfig, ListingConfig, TrackedRunOptions, TrainingPaths, title="Training"
):
    """Fine-tune ruCLIP on a processed table."""


class EmbeddingPaths(Parameters):
    """Paths that embedding reads and writes."""

    processed_data_csv: str = Field(
        description="CSV with the columns title and image_path, and those that the text names."
    )
    output_path: str = Field(pattern=r"\.npz$", description="NPZ to write: text, img, nm.")
    fine_tuned_model_path: str | None = Field(
        None, description="Checkpoint (.pth) to embed with; without it the base model embeds."
    )
    model: str = Field(DEFAULT_MODEL, description=MODEL_SOURCES)
    reuse_from: str | None = Field(
        None,
        description="Manifest (*.manifest.json) of earlier embeddings by the same model, whose "
        "vectors are reused. Those at --output_path are found without it.",
    )


class GenerateEmbeddingsConfig(
    EmbedConfig, EmbeddedListingConfig, RunOptions, EmbeddingPaths, title="Embedding"
):
    """Embed the texts and images of a processed table."""
