"""Queries in training: which query a listing is paired with, and what else is relevant to it."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vitrina.catalog.queries.query_pairs import Integers, QueryPairs, is_test_query
from vitrina.config.queries import QueryUseConfig

NONE = -1  # in place of a query


@dataclass(frozen=True)
class TrainingQueries:
    """The queries of a training, all of which may be learned from.

    Rows of ``trained`` are positions in the training rows, those of ``held_out`` in the held-out
    rows: listings that the model does not learn, by queries that it knows.
    """

    trained: QueryPairs
    held_out: QueryPairs
    use: QueryUseConfig


def training_queries(
    pairs: QueryPairs, trained: Integers, held_out: Integers, use: QueryUseConfig, seed: int
) -> TrainingQueries:
    """Divide pairs whose rows are those of the whole table; the rows of each part are ascending."""
    known = ~is_test_query(pairs.texts, use, seed)
    return TrainingQueries(
        trained=within(pairs, trained, known), held_out=within(pairs, held_out, known), use=use
    )


def within(
    pairs: QueryPairs, rows: Integers, queries: npt.NDArray[np.bool_] | None = None
) -> QueryPairs:
    """The pairs with these rows, which are numbered anew; of all queries, or of those of a mask."""
    if queries is None:
        queries = np.ones(len(pairs.texts), bool)
    is_wanted = np.zeros(max(pairs.row.max(initial=-1), rows.max(initial=-1)) + 1, bool)
    is_wanted[rows] = True
    part = pairs.part(queries, is_wanted)
    return replace(part, row=np.searchsorted(rows, part.row))


class QuerySampler:
    """Draws a query for a training row, by how well the row fits it.

    ``groups`` int64 (rows,): the product of each row. What is relevant to a query is every listing
    of a product that was chosen for it.
    """

    def __init__(self, pairs: QueryPairs, groups: Integers) -> None:
        order = np.argsort(pairs.row, kind="stable")
        self.texts, self.query = pairs.texts, pairs.query[order]
        self.first = np.searchsorted(pairs.row[order], np.arange(len(groups) + 1))
        self.total = np.concatenate([[0.0], np.cumsum(pairs.grade[order])])
        of_row = np.diff(self.total[self.first])
        self.weight = of_row / (of_row[of_row > 0].mean() if of_row.any() else 1)
        _, self.product = np.unique(groups, return_inverse=True)
        self.products = self.product.max(initial=0) + 1
        self.relevant_keys = np.unique(pairs.query * self.products + self.product[pairs.row])

    def draw(self, row: int, random: np.random.Generator) -> int:
        """A query that the row was chosen for, with a chance by its grade; NONE without any."""
        first, end = self.first[row], self.first[row + 1]
        if first == end:
            return NONE
        drawn = random.uniform(self.total[first], self.total[end])
        place = int(np.searchsorted(self.total, drawn, side="right")) - 1
        return int(self.query[min(place, end - 1)])

    def weights(self, rows: Integers) -> npt.NDArray[np.float32]:
        """How much each row counts: the sum of its grades, 1 on average, 0 without a query."""
        return self.weight[rows].astype(np.float32)

    def relevant(self, queries: Integers, rows: Integers) -> npt.NDArray[np.bool_]:
        """Which rows are relevant to which queries, bool (queries, rows); none to NONE."""
        keys = queries[:, None] * self.products + self.product[rows][None, :]
        place = np.searchsorted(self.relevant_keys, keys)
        place = np.minimum(place, len(self.relevant_keys) - 1)
        found: npt.NDArray[np.bool_] = self.relevant_keys[place] == keys
        found &= (queries != NONE)[:, None]
        return found
