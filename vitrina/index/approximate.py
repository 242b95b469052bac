"""Approximate search in a large table: its indexes, and how much of them a query has to look at."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vitrina.embedding.shard_file import Vectors
from vitrina.index.columns import VECTORS
from vitrina.index.full_vectors import FullVectors
from vitrina.index.query import candidates, nearest
from vitrina.index.recall import TOP, NearestSoFar, sample_queries
from vitrina.index.rows import product_vectors
from vitrina.index.vectors import RunVectors
from vitrina.results import ColumnSearch

if TYPE_CHECKING:
    from lancedb.table import Table

logger = logging.getLogger(__name__)

# The codes are RaBitQ's: on 100,000 vectors of 512 they are built in 5 s (IVF_PQ: 90 s,
# IVF_HNSW_SQ: 280 s) and find more than those; docs/how-to/search.md.
PARTITION_ROWS = 4_096
# From fast to thorough: share of the partitions, and candidates per wanted listing.
EFFORTS = ((0.05, 5), (0.1, 5), (0.25, 5), (0.5, 5), (1.0, 5), (1.0, 20), (1.0, 100))
MIN_PROBES = 20


class ApproximateSearch(NamedTuple):
    """The number of partitions, and how each kind of vector is searched; empty: exactly."""

    partitions: int
    by_column: dict[str, ColumnSearch]


# The ten highest cosines of each sampled query that a search of a column finds.
Find = Callable[[str, ColumnSearch], Sequence[Vectors]]


def make_indexes(table: "Table", rows: int, code_bits: int) -> int:
    """Index each kind of vector by codes; returns the number of partitions."""
    from lancedb.index import IvfRq  # takes a second to import

    partitions = -(-rows // PARTITION_ROWS)
    for column in VECTORS:
        config = IvfRq(distance_type="cosine", num_bits=code_bits, num_partitions=partitions)
        table.create_index(column, config=config, replace=True)
    return partitions


def exact_neighbours(vectors: RunVectors, image_weight: float) -> NearestSoFar:
    """The nearest rows of a sample of queries; one shard is in memory at a time."""
    found = NearestSoFar(sample_queries(vectors))
    for shard in range(len(vectors.shards)):
        text, img = vectors.read(shard)
        product = product_vectors(text, img, image_weight)
        found.see({"text": text, "img": img, "product": product})
    return found


def found_by_table(table: "Table", queries: Vectors) -> Find:
    """Search in a table that holds the whole vectors."""
    return lambda column, search: [nearest(table, column, search, one, TOP)[1] for one in queries]


def found_by_run(table: "Table", queries: Vectors, full: FullVectors) -> Find:
    """Search in a table of shortened vectors: its candidates are compared by those of the run."""

    def find(column: str, search: ColumnSearch) -> list[Vectors]:
        ids = [candidates(table, column, search, one, TOP) for one in queries]
        cosines = full.cosines(column, queries, ids)
        return [np.sort(one)[-TOP:] for one in cosines]

    return find


def efforts(partitions: int) -> list[tuple[int, int]]:
    """Partitions to search and candidates per wanted listing, each once, from fast to thorough."""
    return list(
        dict.fromkeys(
            (min(partitions, max(MIN_PROBES, round(share * partitions))), refine_factor)
            for share, refine_factor in EFFORTS
        )
    )


def tune(
    find: Find, column: str, truth: NearestSoFar, partitions: int, min_recall: float
) -> ColumnSearch | None:
    """The fastest search of a column that reaches this recall; None if none does."""
    for probes, refine_factor in efforts(partitions):
        search = ColumnSearch(probes=probes, refine_factor=refine_factor, recall_at_10=0)
        recall = truth.recall(column, find(column, search))
        if recall >= min_recall:
            return search.model_copy(update={"recall_at_10": recall})
    logger.warning(
        "index: approximate search of %s finds only %.3f of the 10 nearest, so it stays exact",
        column,
        recall,
    )
    return None
