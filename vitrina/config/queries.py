"""Parameters of queries that people typed: where they are, and how they are learned from."""

from typing import Annotated, Any, Literal

from pydantic import Field

from vitrina.config.catalog import OptionalCatalogPaths
from vitrina.config.parameters import Fraction, Parameters


class QueryTableConfig(Parameters):
    """The names of the columns of a table of queries."""

    query_column: str = Field("query", description="Column with what was typed.")
    query_nm_column: str = Field("nm", description="Column with the id of the listing.")
    query_weight_column: str = Field(
        "weight",
        description="Column with the number of clicks or orders, or a grade: the more, the better "
        "the listing fits. Without that column each row counts once.",
    )


ListingKind = Literal["mix", "text", "image"]


class QueryUseConfig(Parameters):
    """How queries are learned from and measured."""

    query_weights: Literal["log", "linear", "equal"] = Field(
        "log",
        description="What a weight counts for, in the loss and as a grade: its logarithm "
        "(log2(1 + weight)), itself, or one.",
    )
    query_listing: ListingKind = Field(
        "mix", description="What of a listing a query is compared with: its text, image or both."
    )
    query_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5,
        description="Share of the loss that queries have; the rest is of titles and images.",
    )
    query_test_fraction: Fraction = Field(
        0.2, description="Fraction of the queries held out for evaluation, never trained on."
    )


class QueryConfig(QueryTableConfig, QueryUseConfig):
    """Queries that people typed: where they are, and how they are used."""

    queries: OptionalCatalogPaths = Field(
        (),
        description="Table of queries with the listings that were clicked or ordered for them: "
        "query, nm, weight; in any form of the catalogue. Trained on and measured too.",
    )


class SearchQueries(Parameters):
    """A cleaned table of queries, and how it is used."""

    path: str
    fingerprint: str = Field(description="Hash of the table's content.")
    use: QueryUseConfig

    def training_inputs(self) -> dict[str, Any]:
        """What decides a training, as JSON values."""
        return {"table": self.fingerprint, **self.use.content()}

    def measuring_inputs(self) -> dict[str, Any]:
        """What decides a measurement, as JSON values."""
        return {"table": self.fingerprint, **self.use.model_dump(exclude={"query_share"})}
