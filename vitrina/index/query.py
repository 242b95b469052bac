"""Search in a LanceDB table, approximate and refined."""

from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa

from vitrina.catalog.processed_table import NM
from vitrina.embedding.shard_file import Vectors
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
    """The ids of the ``k`` nearest rows, and their cosines, highest first.

    More partitions are searched if those nearest have fewer rows that fulfil ``where``.
    """
    query = cast("LanceVectorQueryBuilder", table.search(vector, vector_column_name=column))
    query = (
        query.distance_type("cosine")
        .select([NM, DISTANCE])
        .limit(k)
        .minimum_nprobes(search.probes)
        .maximum_nprobes(0)
        .refine_factor(max(search.refine_factor, -(-MIN_CANDIDATES // k)))
    )
    found = (query if where is None else query.where(where)).to_arrow().combine_chunks()
    cosines: Vectors = 1 - found[DISTANCE].combine_chunks().to_numpy()
    return found[NM].combine_chunks(), cosines.astype(np.float32)
