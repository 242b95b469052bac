"""Parameters of bringing a database to the state of a run."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from vitrina.config.finished_run import FinishedRun

Vector = Literal["text", "img", "product"]

MAX_DIMENSIONS = {"vector": 2_000, "halfvec": 4_000}  # of an HNSW index, pgvector's own limits
NAME = r"^[a-z_][a-z0-9_]{0,29}$"  # so that the names of its tables and indexes fit PostgreSQL's 63
PASSWORD = re.compile(r"^\w+://[^@]*:[^@]*@|\bpassword\s*=", re.IGNORECASE)


class PushConfig(FinishedRun):
    """Bring a PostgreSQL database with pgvector to the state of the latest run."""

    database: str = Field(
        "",
        description="Database, such as postgresql://user@host:5432/shop or service=shop, without "
        "its password, which PGPASSWORD or ~/.pgpass has; empty: what PGHOST, PGDATABASE, … say.",
    )
    in_schema: str = Field("public", min_length=1, description="Schema of the view and its tables.")
    view: str = Field("listings", pattern=NAME, description="Name of the view that answers.")
    columns: tuple[str, ...] = Field(
        (), description="More columns of the processed table, next to nm, title, category, image."
    )
    vector_type: Literal["vector", "halfvec"] = Field(
        "vector", description="pgvector's type: float32, or float16 in half of the space."
    )
    index: tuple[Vector, ...] = Field(
        ("product",),
        description="Vectors to build an HNSW index on, before the view switches to them; without "
        "one, a search compares every row.",
    )
    hnsw_m: int = Field(16, ge=2, le=100, description="Links of each vector in an HNSW index.")
    hnsw_ef_construction: int = Field(
        64, ge=4, le=1_000, description="Candidates for each link while an HNSW index is built."
    )
    force: bool = Field(
        False,
        description="Compare every row, even if the database has this run; replace a newer run.",
    )

    @model_validator(mode="after")
    def _has_no_password(self) -> Self:
        if PASSWORD.search(self.database):
            # Prefect stores parameters and shows them in its UI.
            raise ValueError("database: leave the password out, and set PGPASSWORD or ~/.pgpass")
        return self
