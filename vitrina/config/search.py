"""Parameters of search."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from tyro.conf import Positional, UseAppendAction, arg

from vitrina.config.finished_run import FinishedRun


def _condition(value: str) -> str:
    if not value.partition("=")[0].strip() or "=" not in value:
        raise ValueError("expected column=value, such as category=Посуда")
    return value


Condition = Annotated[str, AfterValidator(_condition)]


def wanted_by_column(conditions: Iterable[Condition]) -> dict[str, tuple[str, ...]]:
    """The wanted values of each column in conditions such as ``category=Посуда``."""
    wanted: dict[str, tuple[str, ...]] = {}
    for condition in conditions:
        column, _, value = condition.partition("=")
        wanted[column.strip()] = (*wanted.get(column.strip(), ()), value)
    return wanted


class SearchConfig(FinishedRun):
    """Find the listings nearest to a text, to an image or to another listing."""

    query: Annotated[Positional[str], arg(metavar="WORDS")] = Field(
        "", description="Words to search for, such as 'жёлтая кружка'."
    )
    image: str = Field("", description="Search by this image instead, local or s3://.")
    like: str = Field("", description="Search by the listing with this nm instead.")
    by: Literal["both", "image", "text"] = Field(
        "both", description="Compare with the listings' images, their texts, or both."
    )
    top: int = Field(10, ge=1, le=10_000, description="Number of listings.")
    where: UseAppendAction[tuple[Condition, ...]] = Field(
        (),
        description="Only listings with this value in this column, as column=value. Given again, "
        "another column must match too; of one column any of its values.",
    )
    as_json: Annotated[bool, arg(name="json")] = Field(
        False, description="Print a JSON object a line instead of a table."
    )
    html: str = Field("", description="Also write an HTML file with the images, local or s3://.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where to encode the query; auto uses a GPU if there is one."
    )
    onnx: str = Field(
        "", description="Folder that export-onnx has written: encode by it, without torch."
    )

    @model_validator(mode="after")
    def _one_question(self) -> Self:
        if sum(bool(one.strip()) for one in (self.query, self.image, self.like)) != 1:
            raise ValueError("give either words to search for, or --image, or --like")
        return self

    def filters(self) -> dict[str, tuple[str, ...]]:
        """The wanted values of each column in ``where``."""
        return wanted_by_column(self.where)
