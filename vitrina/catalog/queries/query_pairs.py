"""Queries and the rows of the processed table that were chosen for them, as arrays."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from upath import UPath

from vitrina.catalog.processed_table import NM
from vitrina.catalog.products import text_digest, text_key
from vitrina.catalog.queries.clean_queries import QUERY, WEIGHT
from vitrina.config.queries import QueryUseConfig
from vitrina.store.files import local_read

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class QueryPairs:
    """Pairs of a query and a listing, sorted by query.

    ``texts``: the queries; ``query`` int64 (pairs,): indices into them; ``row`` int64 (pairs,): of
    the listing in the table; ``grade`` float64 (pairs,), above 0: how well it fits.
    """

    texts: Sequence[str]
    query: Integers
    row: Integers
    grade: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.query)

    def part(self, queries: npt.NDArray[np.bool_], rows: npt.NDArray[np.bool_]) -> "QueryPairs":
        """The pairs of some queries with some rows of the table, both given as masks."""
        kept = queries[self.query] & rows[self.row]
        return QueryPairs(self.texts, self.query[kept], self.row[kept], self.grade[kept])


def no_pairs(texts: Sequence[str]) -> QueryPairs:
    """Queries without any listing."""
    nothing = np.zeros(0, np.int64)
    return QueryPairs(texts, nothing, nothing, np.zeros(0))


def read_query_pairs(path: UPath, nm: Iterable[object], config: QueryUseConfig) -> QueryPairs:
    """The pairs of a cleaned table of queries; ``nm`` are the ids of the processed table's rows.

    Pairs with another listing are left out.
    """
    with local_read(path) as local:
        table = pd.read_parquet(local)
    keys = np.fromiter((text_key(str(one)) for one in nm), np.int64)
    order = np.argsort(keys)
    wanted = np.fromiter((text_key(one) for one in table[NM]), np.int64, len(table))
    place = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    row = order[place]
    known = keys[row] == wanted
    query, texts = pd.factorize(table[QUERY][known])  # in the order of the table: sorted
    weight = table[WEIGHT][known].to_numpy(np.float64)
    return QueryPairs(list(texts), query.astype(np.int64), row[known], grades(weight, config))


def grades(weight: npt.NDArray[np.float64], config: QueryUseConfig) -> npt.NDArray[np.float64]:
    """What weights count for."""
    if config.query_weights == "log":
        return np.log2(1 + weight)
    return weight if config.query_weights == "linear" else np.ones_like(weight)


def is_test_query(texts: Sequence[str], config: QueryUseConfig, seed: int) -> npt.NDArray[np.bool_]:
    """Which queries are held out, bool (queries,): by a hash of the seed and of the text alone."""
    fractions = (int.from_bytes(text_digest(f"{seed} query {text}")) / 2**64 for text in texts)
    drawn = np.fromiter(fractions, np.float64, len(texts))
    held_out: npt.NDArray[np.bool_] = drawn < config.query_test_fraction
    return held_out
