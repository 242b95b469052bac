"""The pages of the reference that come from the code."""

from collections.abc import Callable

import pytest

from docs.tools.__main__ import PAGES, REFERENCE
from docs.tools.parameters import groups, parameters_page
from docs.tools.rejections import meanings
from vitrina.catalog.queries.clean_queries import QueryRejection
from vitrina.catalog.rejection import RejectionReason
from vitrina.config.pipeline import PipelineConfig


@pytest.mark.parametrize(("name", "page"), PAGES.items())
def test_it_is_current(name: str, page: Callable[[], str]) -> None:
    """The committed page is what the code says today; `make reference` writes it."""
    assert (REFERENCE / name).read_text("utf-8") == page()


def test_every_parameter_is_listed() -> None:
    """Those of the run and those of its groups."""
    text = parameters_page()
    names = [*(set(PipelineConfig.model_fields) - set(groups()))]
    names += [f"{group}.{one}" for group, model in groups().items() for one in model.model_fields]
    assert len(names) > 90
    assert [name for name in names if f"| `{name}`" not in text] == []


@pytest.mark.parametrize("reasons", [RejectionReason, QueryRejection])
def test_every_reason_has_its_meaning(
    reasons: type[RejectionReason] | type[QueryRejection],
) -> None:
    """In the string below it."""
    found = meanings(reasons)
    assert [name for name, _ in found] == [one.value for one in reasons]
    assert all(text.endswith(".") for _, text in found)
