"""Parameters of finding and resizing images."""

from typing import ClassVar, Literal

from pydantic import Field

from vitrina.config.parameters import Parameters, Pixels


class ResizeConfig(Parameters):
    """How images are found and resized."""

    default_image_size: tuple[Pixels, Pixels] = Field(
        (384, 384),
        description="Width and height in pixels of the box that an image is fitted into.",
    )
    image_pattern: str = Field(
        "{nm}.jpg", pattern=r"\{nm\}", description="File name of a row's image; {nm} is its id."
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

    # Which file is a row's image shows in the fingerprint of the images, not in how one is resized;
    # csv_formulas decides the CSV files only.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"image_pattern", "csv_formulas", "threads"})
