"""The base of every parameter group, and types that several share."""

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, lt=1)]


Pixels = Annotated[int, Field(ge=1, le=10_000)]


Group = TypeVar("Group", bound="Parameters")


class Parameters(BaseModel):
    """Base of every parameter group: frozen, no unknown names, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Fields that change how the work is done, not its result. Every other one is part of the key.
    OPERATIONAL: ClassVar[frozenset[str]] = frozenset()

    def content(self) -> dict[str, Any]:
        """The parameters that decide the result, as JSON values."""
        return self.model_dump(mode="json", exclude=set(self.OPERATIONAL))

    def part(self, group: type[Group]) -> Group:
        """The values of one of the groups that this flat model is composed of."""
        return group(**{name: getattr(self, name) for name in group.model_fields})
