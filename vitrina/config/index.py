"""Parameters of the index."""

from typing import Literal

from pydantic import Field

from vitrina.config.parameters import Parameters


class IndexConfig(Parameters, title="Search index"):
    """What the table of listings and vectors holds, and when search in it is approximate."""

    columns: tuple[str, ...] = Field(
        (),
        description="Columns of the catalogue to keep beside the vectors and to filter by, besides "
        "nm, title and category.",
    )
    image_weight: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Share of the image in the product vector, the rest is the text's; empty: "
        "chosen on held-out products, where sentences of descriptions find their listing best.",
    )
    storage: Literal["float32", "float16"] = Field(
        "float32", description="Type of the vectors' numbers in the table; float16 halves it."
    )
    dim: int = Field(
        0,
        ge=0,
        description="Numbers of each vector in the table, the first ones, as train.matryoshka "
        "makes them useful; 0: all.",
    )
    code_bits: Literal[1, 4, 8] = Field(
        4,
        description="Bits a number in the codes that approximate search compares first (RaBitQ): 1 "
        "is binary, 8 as int8. The candidates are then compared by their full vectors.",
    )
    exact_below: int = Field(
        50_000, ge=1, description="Up to this many listings, search compares with every one."
    )
    min_recall: float = Field(
        0.99,
        gt=0,
        le=1,
        description="Of the 10 nearest listings, the share that approximate search must find on a "
        "sample; where it cannot, search stays exact.",
    )
