"""Which neighbours are no negatives: listings that belong together although nobody says so.

A near neighbour is often a match that the data does not name, and learning to push it away does
harm. Three rules keep such pairs out:

- the same product: an equal title or a common image, or a chain of these;
- a common query: both were chosen for what one person typed;
- too near: a score above 0.95 of the listings' own. Moreira et al. 2024 (NV-Retriever,
  arXiv:2407.15831) compare ways to tell false negatives from hard ones; a share of the positive's
  score (TopK-PercPos, 0.95) was the best, ahead of fixed margins and of skipping the first ranks.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array  # type: ignore[import-untyped]  # ships no types
from torch import Tensor

from vitrina.catalog.queries.query_pairs import Integers, QueryPairs

SHARE_OF_POSITIVE = 0.95

SAME_PRODUCT = "of the same product"
COMMON_QUERY = "with a common query"
TOO_NEAR = "too near"
REASONS = (SAME_PRODUCT, COMMON_QUERY, TOO_NEAR)


@dataclass(frozen=True)
class KnownMatches:
    """Listings that belong together by what the catalogue and its queries say.

    ``products`` int64 (rows,): equal for listings of one product. ``queries``: sparse int32 (rows,
    queries), above 0 where a listing's product was chosen for a query; None without queries.
    """

    products: Integers
    queries: csr_array | None = None

    @staticmethod
    def of(products: Integers, pairs: QueryPairs | None = None) -> "KnownMatches":
        """Those of all training rows; a query's listings are those of the products chosen."""
        _, product = np.unique(products, return_inverse=True)
        if pairs is None:
            return KnownMatches(product)
        shape = product.max(initial=0) + 1, len(pairs.texts)
        ones = np.ones(len(pairs), np.int32)
        chosen = csr_array((ones, (product[pairs.row], pairs.query)), shape=shape)
        return KnownMatches(product, chosen[product])

    def part(self, rows: Integers) -> "KnownMatches":
        """Those of some rows, which are numbered anew."""
        queries = None if self.queries is None else self.queries[rows]
        return KnownMatches(self.products[rows], queries)

    def with_all(self, rows: slice) -> dict[str, npt.NDArray[np.bool_]]:
        """By reason, whether some rows match any: bool (rows, all), the rows themselves too."""
        found = {SAME_PRODUCT: self.products[rows, None] == self.products[None, :]}
        if self.queries is not None:
            common = self.queries[rows] @ self.queries.T
            found[COMMON_QUERY] = (common > 0).toarray()
        return found


def highest_scores(own: Tensor) -> Tensor:
    """The score up to which a neighbour of each listing is a negative, float (rows,).

    ``own`` float (rows,): the score of each listing's own text and image, the positive pair. Below
    0, where a share of it would be more than it is, the same distance is kept.
    """
    return own - (1 - SHARE_OF_POSITIVE) * own.abs()
