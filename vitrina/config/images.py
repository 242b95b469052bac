"""Parameters of finding and resizing images."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from vitrina.config.image_pattern import checked_pattern
from vitrina.config.parameters import Parameters, Pixels

DEFAULT_PATTERN = "{nm}.jpg"


class ResizeConfig(Parameters, title="Images: where they are, and their size"):
    """How images are found and resized."""

    default_image_size: tuple[Pixels, Pixels] = Field(
        (384, 384),
        description="Width and height in pixels of the box that an image is fitted into.",
    )
    image_pattern: Annotated[str, AfterValidator(checked_pattern)] = Field(
        DEFAULT_PATTERN,
        description="Path of a row's image below the folder of images. {nm} is the row's id; other "
        "columns, formats, arithmetic and slices work too: {brend}/{article}.png, {nm:010d}.jpg, "
        "vol{nm//100000}/{nm}.webp, {nm[:3]}/{nm}.jpg. In the file's name, * stands for anything: "
        "{nm}_*.jpg are several images of a row, {nm}.* is one with any ending.",
    )
    image_column: str = Field(
        "",
        description="Column of the catalogue that says where a row's images are, instead of "
        "image_pattern: a path or file name, an http(s) address, or the image itself as bytes, or "
        "as Hugging Face's struct of bytes and path; one, or a list of them.",
    )
    image_column_holds: Literal["auto", "path", "url", "bytes"] = Field(
        "auto", description="What image_column holds; auto sees it from each value."
    )
    quality: int = Field(
        97,
        ge=1,
        le=100,
        description="JPEG quality of the resized images, without chroma subsampling. 97 keeps "
        "SSIM above 0.98; 92 takes half the disk space.",
    )
    max_pixels: int = Field(100_000_000, ge=1, description="Images with more pixels are rejected.")
    csv_formulas: Literal["keep", "escape"] = Field(
        "keep",
        description="Texts in processed_data.csv and rejected.csv that a spreadsheet would run as "
        "a formula: keep them as they are, or escape them with an apostrophe. The Parquet table "
        "always has the texts themselves.",
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        description="Images resized at a time, on Ray in each shard; 0 means one per core.",
    )

    # Which images are a row's shows in the fingerprint of the images, not in how one is resized;
    # csv_formulas decides the CSV files only.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset(
        {"image_pattern", "image_column", "image_column_holds", "csv_formulas", "threads"}
    )

    @property
    def bytes_column(self) -> str:
        """The column that may hold images as bytes, empty if none may."""
        return self.image_column if self.image_column_holds in ("auto", "bytes") else ""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.image_column and self.image_pattern != DEFAULT_PATTERN:
            raise ValueError("give either image_pattern or image_column, not both")
        return self
