"""The base of every parameter group, and types that several share."""

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, lt=1)]


Pixels = Annotated[int, Field(ge=1, le=10_000)]


# Metrics by which two models are compared. The first tells them apart with the least held-out data:
# python -m benchmarks.gate.
RankingMetric = Literal[
    "mean_geometric_rank",
    "text_to_image_geometric_rank",
    "image_to_text_geometric_rank",
    "mean_mrr",
    "mean_ndcg_at_10",
    "mean_recall_at_1",
    "mean_recall_at_5",
    "mean_recall_at_10",
    "text_to_image_recall_at_1",
    "image_to_text_recall_at_1",
    "unseen_queries_geometric_rank",
    "unseen_queries_ndcg_at_10",
    "unseen_queries_mrr",
    "unseen_queries_recall_at_1",
    "unseen_queries_recall_at_10",
    "unseen_products_geometric_rank",
    "unseen_products_ndcg_at_10",
    "unseen_products_mrr",
    "unseen_products_recall_at_1",
    "unseen_products_recall_at_10",
]

Group = TypeVar("Group", bound="Parameters")


def _in_form_order(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Number the properties of a schema in the order in which a form shows them."""
    last: tuple[str, ...] = getattr(model, "FORM_LAST", ())
    properties = schema.get("properties", {})
    names = [name for name in properties if name not in last]
    for position, name in enumerate([*names, *(name for name in last if name in properties)]):
        properties[name]["position"] = position


class Parameters(BaseModel):
    """Base of every parameter group: frozen, no unknown names, no NaN or infinity."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_in_form_order
    )

    # Fields that a form shows after all others.
    FORM_LAST: ClassVar[tuple[str, ...]] = ()

    # Fields that change how the work is done, not its result. Every other one is part of the key.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset()

    def content(self) -> dict[str, Any]:
        """The parameters that decide the result, as JSON values."""
        return self.model_dump(mode="json", exclude=set(self.OPERATIONAL))

    def part(self, group: type[Group]) -> Group:
        """The values of one of the groups that this flat model is composed of."""
        return group(**{name: getattr(self, name) for name in group.model_fields})
