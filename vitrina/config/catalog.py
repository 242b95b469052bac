"""Parameters of reading and cleaning a catalogue."""

from typing import ClassVar, Literal

from pydantic import Field

from vitrina.config.parameters import Parameters


class CleanConfig(Parameters):
    """Which rows of the catalogue are kept, and the names of its columns."""

    nm_column: str = Field("nm", description="Column with the unique id of a listing.")
    title_column: str = Field("title", description="Column with the title.")
    description_column: str = Field("description", description="Column with the description.")
    required: tuple[Literal["title", "description"], ...] = Field(
        ("title", "description"), description="Texts that a row must have to be kept."
    )
    batch_rows: int = Field(2_000, ge=1, description="Rows held in memory at a time.")

    OPERATIONAL: ClassVar[frozenset[str]] = frozenset({"batch_rows"})
