"""Exact ranks of the listings that were chosen for queries, and graded metrics of each query."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vitrina.catalog.queries.query_pairs import Integers, QueryPairs
from vitrina.config.queries import ListingKind
from vitrina.evaluation.measurement import DEPTHS, QUERY
from vitrina.evaluation.metrics import CUMULATIVE, expected_discount, hit_chance
from vitrina.evaluation.ranks import TIE, TOP

BLOCK = 256  # queries whose scores are in memory at a time


@dataclass(frozen=True)
class RankedQueries:
    """Queries to rank listings for.

    Rows of ``relevant`` and of ``ignored`` are positions in the gallery. The ignored pairs are of
    the same queries: listings that fit too, but are not what is measured.
    """

    relevant: QueryPairs
    ignored: QueryPairs

    @property
    def queries(self) -> Integers:
        """The queries that have a relevant listing, ascending, int64 (queries,)."""
        return np.unique(self.relevant.query)

    @property
    def texts(self) -> list[str]:
        """Their texts."""
        return [self.relevant.texts[query] for query in self.queries]


def listing_vectors(text: np.ndarray, image: np.ndarray, kind: ListingKind) -> np.ndarray:
    """What queries are compared with: the text, the image, or their mean, of unit length."""
    if kind != "mix":
        return text if kind == "text" else image
    total = text + image
    unit: np.ndarray = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return unit


def query_figures(
    query: np.ndarray, gallery: np.ndarray, ranked: RankedQueries, kind: str
) -> pd.DataFrame:
    """How well each query finds its listings: a row per query.

    ``query`` float32 (queries, dim) of ``ranked.queries``, ``gallery`` float32 (listings, dim); all
    of unit length. Columns: ``query`` and ``{kind}_{rank,recall_at_1,recall_at_5,recall_at_10,
    ndcg_at_10}``. The rank is of the first relevant listing, from 1; nDCG has the grades as gains
    (Järvelin & Kekäläinen 2002). With tied scores a figure is its mean over all orders of them.
    """
    found = [_figures_of_one(*one) for one in _scored(query, gallery, ranked)]
    higher, tied, tied_relevant, ndcg = (np.array(column) for column in zip(*found, strict=True))
    columns = {
        "rank": higher + (tied + 1) / (tied_relevant + 1),
        **{f"recall_at_{k}": hit_chance(higher, tied, tied_relevant, k) for k in DEPTHS},
        f"ndcg_at_{TOP}": ndcg,
    }
    return pd.DataFrame(
        {QUERY: ranked.texts} | {f"{kind}_{name}": values for name, values in columns.items()}
    )


def _scored(
    query: np.ndarray, gallery: np.ndarray, ranked: RankedQueries
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each query: the scores of all listings, those of its relevant ones, and their grades."""
    relevant, ignored = ranked.relevant, ranked.ignored
    queries = ranked.queries
    first, end = (np.searchsorted(relevant.query, queries, side) for side in ("left", "right"))
    skip, skipped = (np.searchsorted(ignored.query, queries, side) for side in ("left", "right"))
    for start in range(0, len(queries), BLOCK):
        scores = query[start : start + BLOCK] @ gallery.T
        for row, of_query in enumerate(scores, start=start):
            of_query[ignored.row[skip[row] : skipped[row]]] = -np.inf
            pairs = slice(first[row], end[row])
            yield of_query, of_query[relevant.row[pairs]], relevant.grade[pairs]


def _figures_of_one(
    scores: np.ndarray, relevant: np.ndarray, grade: np.ndarray
) -> tuple[int, int, int, float]:
    """Items above the best relevant one, those that tie with it, how many are relevant; nDCG."""
    ascending = np.sort(scores)
    higher = len(scores) - np.searchsorted(ascending, relevant + TIE, side="right")
    tied = len(scores) - np.searchsorted(ascending, relevant - TIE, side="left") - higher
    best = int(np.argmax(relevant))
    top = np.sort(grade)[::-1][:TOP]
    ideal = top @ np.diff(CUMULATIVE[: len(top) + 1])
    gained = grade @ expected_discount(higher, tied)
    tied_relevant = int(np.sum(relevant >= relevant[best] - TIE))
    return int(higher[best]), int(tied[best]), tied_relevant, float(gained / ideal)
