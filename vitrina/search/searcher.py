"""Search in the vectors of a run: approximately where its index can answer, else exactly."""

import logging

import numpy as np

from vitrina.search.approximate import LANCE_ERRORS, ApproximateIndex
from vitrina.search.exact import ExactIndex
from vitrina.search.filters import Where
from vitrina.search.index import Mask, Neighbours, Query
from vitrina.search.listings import Listings

logger = logging.getLogger(__name__)


class Searcher:
    """The rows of a run nearest to a query."""

    def __init__(
        self, listings: Listings, exact: ExactIndex, approximate: ApproximateIndex | None
    ) -> None:
        self.exact = exact
        self.approximate = approximate
        self._listings = listings

    def nearest(
        self, query: Query, k: int, where: Where | None = None, without: int | None = None
    ) -> Neighbours:
        """The ``k`` nearest rows that fulfil ``where``, but for the row ``without``.

        Raises UserError for an unknown column, or a value that a column cannot have.
        """
        index = self.approximate
        if index is not None and index.answers(query.kind, where):
            condition = index.condition(where)
            try:
                return index.nearest(query, k, condition, without)
            except LANCE_ERRORS as error:  # such as files that were removed
                logger.warning("search: the index cannot be read, so search is exact: %s", error)
                self.approximate = None
        return self.exact.nearest(query, k, self._among(where, without))

    def _among(self, where: Where | None, without: int | None) -> Mask | None:
        allowed = self._listings.mask(where)
        if without is None:
            return allowed
        among = np.ones(len(self._listings.nm), np.bool_) if allowed is None else allowed.copy()
        among[without] = False
        return among
