"""Search in a LanceDB table: approximate by codes, refined by the table's vectors or another's."""

from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from vitrina.catalog.processed_table import NM
from vitrina.embedding.shard_file import Vectors
from vitrina.index.stored_vectors import cut
from vitrina.results import ColumnSearch

if TYPE_CHECKING:
    from lancedb.expr import Expr
    from lancedb.query import LanceVectorQueryBuilder
    from lancedb.table import Table

DISTANCE = "_distance"  # LanceDB's name; here 1 - cosine
MIN_CANDIDATES = 50  # compared exactly, however few listings are wanted


def nearest(
    table: "Table",
    column: str,
    search: ColumnSearch,
    vector: Vectors,
    k: int,
    where: "Expr | None" = None,
) -> tuple[pa.Array, Vectors]:
    """The ids of the ``k`` nearest rows, and their cosines by the table's vectors, highest first.

    More partitions are searched if those nearest have fewer rows that fulfil ``where``.
    """
    refine_factor = max(search.refine_factor, -(-MIN_CANDIDATES // k))
    query = _query(table, column, search, vector, where).limit(k).refine_factor(refine_factor)
    found = query.to_arrow().combine_chunks()
    cosines: Vectors = 1 - found[DISTANCE].combine_chunks().to_numpy()
    return found[NM].combine_chunks(), cosines.astype(np.float32)


def candidates(
    table: "Table",
    column: str,
    search: ColumnSearch,
    vector: Vectors,
    k: int,
    where: "Expr | None" = None,
) -> pa.Array:
    """The ids of the rows among which the ``k`` nearest are looked for, nearest by their codes.

    ``vector`` is whole; it is cut as the table's vectors are.
    """
    dim: int = table.schema.field(column).type.list_size
    count = max(k * search.refine_factor, MIN_CANDIDATES)
    found = _query(table, column, search, cut(vector, dim), where).limit(count).to_arrow()
    return found.combine_chunks()[NM].combine_chunks()


# Five parameters: what is searched, how, for what and among which.
def _query(
    table: "Table", column: str, search: ColumnSearch, vector: Vectors, where: "Expr | None"
) -> "LanceVectorQueryBuilder":
    query = cast("LanceVectorQueryBuilder", table.search(vector, vector_column_name=column))
    query = (
        query.distance_type("cosine")
        .select([NM, DISTANCE])
        .minimum_nprobes(search.probes)
        .maximum_nprobes(0)
    )
    return query if where is None else query.where(where)
