"""Approximate search in the index of a run, if it has one."""

import logging
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import and_
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vitrina.index.lance import open_table
from vitrina.index.query import candidates, nearest
from vitrina.index.stored import StoredIndex
from vitrina.results import IndexResult
from vitrina.search.exact import ExactIndex
from vitrina.search.filters import Where, wanted_values
from vitrina.search.index import Kind, Neighbours, Query
from vitrina.store.paths import to_path

if TYPE_CHECKING:
    from lancedb.expr import Expr
    from lancedb.table import Table

logger = logging.getLogger(__name__)

LANCE_ERRORS = (OSError, RuntimeError, ValueError)  # what LanceDB raises


@dataclass(frozen=True)
class ApproximateIndex:
    """A table at the version of a run, the ids of that run's rows and their vectors, in order."""

    table: "Table"
    result: IndexResult
    nm: npt.NDArray[Any]
    exact: ExactIndex

    def answers(self, kind: Kind, where: Where | None) -> bool:
        """Whether it can find vectors of this kind, with these conditions."""
        has_columns = all(column in self.result.columns for column in where or {})
        asks_for_missing = any(_names_missing(value) for value in (where or {}).values())
        return kind in self.result.approximate and has_columns and not asks_for_missing

    def nearest(
        self, query: Query, k: int, condition: "Expr | None", without: int | None = None
    ) -> Neighbours:
        """About the ``k`` nearest rows, but for the row ``without``; their cosines are exact."""
        search = self.result.approximate[query.kind]
        wanted = k if without is None else k + 1
        given = self.table, query.kind, search, query.vector, wanted, condition
        if not self.result.is_whole:
            found = np.sort(self._rows(candidates(*given)))
            return self.exact.nearest_of(query, k, found[found != without])
        ids, scores = nearest(*given)
        rows = self._rows(ids)
        others = np.ones(len(rows), np.bool_) if without is None else rows != without
        return Neighbours(rows[others][:k], scores[others][:k])

    def condition(self, where: Where | None) -> "Expr | None":
        """The conditions for LanceDB: values stay values, and are never put into SQL by hand.

        Raises UserError for a value that its column cannot have.
        """
        from lancedb import col  # takes a second to import

        if not where:
            return None
        kinds = {column: self.table.schema.field(column).type for column in where}
        return reduce(
            and_,
            (
                col(column).isin(wanted_values(column, value, kinds[column]).to_pylist())
                for column, value in where.items()
            ),
        )

    def _rows(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """The rows of ids."""
        wanted = np.asarray(ids.to_pylist(), self.nm.dtype)
        return self._order[np.searchsorted(self.nm, wanted, sorter=self._order)]

    @cached_property
    def _order(self) -> npt.NDArray[np.int64]:
        return np.argsort(self.nm, kind="stable")


def open_approximate(
    stored: StoredIndex, nm: npt.NDArray[Any], exact: ExactIndex
) -> ApproximateIndex | None:
    """The index of a run with these ids and vectors; None if the run is searched exactly."""
    if not stored.result.approximate:
        return None
    table = open_table(to_path(stored.result.table), stored.result.version)
    if table is None:
        logger.warning("search: %s has been removed: search is exact", stored.result.table)
        return None
    return ApproximateIndex(table, stored.result, nm, exact)


def _names_missing(value: object) -> bool:
    return value is None or (isinstance(value, list | tuple | set) and None in value)
