"""The page of the reasons for which rows are rejected, from the words below each in the code."""

import ast
import inspect
import itertools
from enum import StrEnum

from docs.tools.cells import code, page, table
from vitrina.catalog.queries.clean_queries import QueryRejection
from vitrina.catalog.rejection import RejectionReason

INTRODUCTION = """# Reasons for rejection

Every row of a catalogue is either in `processed_data.csv` or, with its `nm` and one reason, in
`rejected.csv`: rows in = rows kept + rows rejected. The log and the report count them by reason.
Of several reasons the first of this list counts. A listing with several images is kept while one
of them is good; `rejected_images.csv` lists the others."""
QUERIES = """## Rows of a table of queries

Counted in the log and the report of a run with `--queries`."""


def rejections_page() -> str:
    """The page."""
    return page(INTRODUCTION, _table(RejectionReason), QUERIES, _table(QueryRejection))


def _table(reasons: type[StrEnum]) -> str:
    return table(("reason", "meaning"), [(code(name), text) for name, text in meanings(reasons)])


def meanings(reasons: type[StrEnum]) -> list[tuple[str, str]]:
    """Each reason with the string below it. Raises KeyError if one has none."""
    (definition,) = ast.parse(inspect.getsource(reasons)).body
    assert isinstance(definition, ast.ClassDef)
    texts: dict[str, str] = {}
    for member, below in itertools.pairwise(definition.body):
        if (
            isinstance(member, ast.Assign)
            and isinstance(member.targets[0], ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
        ):
            texts[member.targets[0].id] = str(below.value.value)
    return [(one.value, texts[one.name]) for one in reasons]
