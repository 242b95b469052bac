"""Parameters of looking at a catalogue."""

from typing import Annotated

from pydantic import Field
from tyro.conf import Positional, arg

from vitrina.config.catalog import CATALOG_FORMS, CatalogPaths, TextTableConfig


class InspectConfig(TextTableConfig):
    """Look at a catalogue and its images, and propose the parameters of a run."""

    catalog: Annotated[Positional[CatalogPaths], arg(metavar="CATALOG [CATALOG ...]")] = Field(
        description=f"{CATALOG_FORMS}."
    )
    images: str = Field("", description="Folder with the images, local or s3://.")
    rows: int = Field(1_000, ge=1, le=100_000, description="Rows to look at.")
    yaml: str = Field("", description="File to write the parameters of a run to, local or s3://.")
