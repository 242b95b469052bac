"""Which queries are measured, and on which listings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vitrina.catalog.queries.query_pairs import Integers, QueryPairs, is_test_query, no_pairs
from vitrina.catalog.split import sampled
from vitrina.config.evaluation import EvaluateConfig
from vitrina.config.queries import QueryUseConfig
from vitrina.evaluation.measurement import UNSEEN_PRODUCTS, UNSEEN_QUERIES
from vitrina.evaluation.query_ranks import RankedQueries


@dataclass(frozen=True)
class QuerySample:
    """The rows of the gallery, positions in the table, and the queries by kind."""

    gallery: Integers
    ranked: Mapping[str, RankedQueries]


def choose_queries(
    pairs: QueryPairs,
    rows: int,
    held_out: Integers,
    use: QueryUseConfig,
    config: EvaluateConfig,
    seed: int,
) -> QuerySample:
    """Sample the queries of each kind; kinds without a query are left out.

    Unseen queries are the held-out ones, and all their listings are relevant. For unseen products
    all queries count, but only their listings among the ``held_out`` rows are relevant; those that
    were trained on are ignored. ``rows`` is the table's length.
    """
    is_held_out = np.zeros(rows, bool)
    is_held_out[held_out] = True
    unseen = is_test_query(pairs.texts, use, seed)
    everything = np.ones(rows, bool)
    kinds = {
        UNSEEN_QUERIES: sampled_queries(pairs.part(unseen, everything), config.max_queries, seed),
        UNSEEN_PRODUCTS: sampled_queries(
            pairs.part(np.ones(len(unseen), bool), is_held_out), config.max_queries, seed
        ),
    }
    needed = np.unique(np.concatenate([held_out, *(one.row for one in kinds.values())]))
    others = np.setdiff1d(np.arange(rows), needed)
    gallery = np.union1d(needed, sampled(others, max(config.gallery_rows - len(needed), 0), seed))
    in_gallery = np.zeros(rows, bool)
    in_gallery[gallery] = True
    ignored = {
        UNSEEN_QUERIES: no_pairs(pairs.texts),
        UNSEEN_PRODUCTS: pairs.part(
            _mask(kinds[UNSEEN_PRODUCTS].query, len(unseen)), in_gallery & ~is_held_out
        ),
    }
    return QuerySample(
        gallery,
        {
            kind: RankedQueries(_placed(relevant, gallery), _placed(ignored[kind], gallery))
            for kind, relevant in kinds.items()
            if len(relevant)
        },
    )


def sampled_queries(pairs: QueryPairs, limit: int, seed: int) -> QueryPairs:
    """The pairs of at most ``limit`` of their queries."""
    chosen = sampled(np.unique(pairs.query), limit, seed)
    everything = np.ones(pairs.row.max(initial=-1) + 1, bool)
    return pairs.part(_mask(chosen, len(pairs.texts)), everything)


def _mask(chosen: Integers, length: int) -> npt.NDArray[np.bool_]:
    mask = np.zeros(length, bool)
    mask[chosen] = True
    return mask


def _placed(pairs: QueryPairs, gallery: Integers) -> QueryPairs:
    """The pairs with positions in the gallery, which has all their rows."""
    return replace(pairs, row=np.searchsorted(gallery, pairs.row))
