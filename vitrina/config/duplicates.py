"""Parameters of finding duplicates."""

from pydantic import Field

from vitrina.config.finished_run import FinishedRun
from vitrina.config.parameters import Parameters
from vitrina.config.run_options import RefreshOption


class DuplicatesConfig(Parameters, title="Duplicates"):
    """Which listings count as the same product."""

    precision: float = Field(
        0.95,
        gt=0,
        le=1,
        description="Share of the reported pairs that should be right; the least cosine of a pair "
        "is chosen for it on held-out products.",
    )
    cosine: float | None = Field(
        None,
        ge=-1,
        le=1,
        description="Least cosine of a pair with another title and another image; empty: chosen "
        "for the precision.",
    )
    default_cosine: float = Field(
        0.98,
        ge=-1,
        le=1,
        description="The least cosine where too few duplicates are known to choose one.",
    )
    image_weight: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Weight of the images' cosine in a pair's cosine; the rest is the titles'.",
    )
    group_column: str = Field(
        "",
        description="Column that names the product of a listing, such as its article, where it is "
        "known: equal values are duplicates, different ones are not. By default listings with the "
        "same title or the same image are known duplicates.",
    )
    distinct_columns: tuple[str, ...] = Field(
        (),
        description="Columns in which duplicates never differ, such as a brand; a missing value "
        "differs from none.",
    )
    max_shared: int = Field(
        10,
        ge=2,
        description="A title, or an image, that more listings than this share names no product: "
        "it is too general, or a placeholder.",
    )
    exact_rows: int = Field(
        20_000,
        ge=0,
        description="Up to this many listings all pairs are compared; of more, those in "
        "neighbouring cells of a k-means clustering.",
    )
    gallery_groups: int = Field(
        40, ge=0, le=1_000, description="Groups shown in the gallery, the least sure first."
    )

    def columns(self) -> tuple[str, ...]:
        """The columns of the table that are read besides title and image."""
        return (*filter(None, [self.group_column]), *self.distinct_columns)


class FindDuplicatesConfig(RefreshOption, DuplicatesConfig, FinishedRun):
    """Find the listings of a finished run that are the same product."""
