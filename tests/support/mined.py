"""Made-up listings with vectors, products and queries; the rules of false negatives, plainly."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from vitrina.catalog.queries.query_pairs import QueryPairs
from vitrina.training.hard_negatives.false_negatives import (
    COMMON_QUERY,
    SAME_PRODUCT,
    TOO_NEAR,
    KnownMatches,
)


@dataclass(frozen=True)
class Listings:
    """Unit vectors float32 (rows, dim), a product for each row, and rows chosen for queries."""

    image: Tensor
    text: Tensor
    products: np.ndarray  # int64 (rows,)
    chosen: list[tuple[int, int]] | None  # query and row

    @property
    def matches(self) -> KnownMatches:
        """The same as the code sees it."""
        return KnownMatches.of(self.products, self._pairs())

    def _pairs(self) -> QueryPairs | None:
        if self.chosen is None:
            return None
        query, row = np.array(sorted(self.chosen), np.int64).reshape(-1, 2).T
        return QueryPairs([f"запрос {one}" for one in range(9)], query, row, np.ones(len(query)))

    def score(self, one: int, other: int) -> float:
        """The mean of both cosines across towers."""
        cosines = self.image[one] @ self.text[other] + self.text[one] @ self.image[other]
        return float(cosines / 2)

    def reason(self, one: int, other: int) -> str | None:
        """Why two listings are no negatives; None if they are."""
        if self.products[one] == self.products[other]:
            return SAME_PRODUCT
        if self._asked(one) & self._asked(other):
            return COMMON_QUERY
        own = min(self._highest(one), self._highest(other))
        return TOO_NEAR if self.score(one, other) > own else None

    def _asked(self, row: int) -> set[int]:
        product = self.products[row]
        return {query for query, one in self.chosen or [] if self.products[one] == product}

    def _highest(self, row: int) -> float:
        own = self.score(row, row)
        return own * (0.95 if own > 0 else 1.05)


def random_listings(rows: int, seed: int, *, with_queries: bool) -> Listings:
    """Listings whose texts and images are alike, some of one product, some asked for together."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=(rows, 6))
    image, text = (
        normalize(torch.tensor(shared + random.normal(size=(rows, 6)), dtype=torch.float32))
        for _ in range(2)
    )
    chosen = [(int(random.integers(9)), row) for row in range(0, rows, 3)]
    products = random.integers(max(1, rows * 3 // 4), size=rows)
    return Listings(image, text, products, chosen if with_queries else None)


@st.composite
def listings(draw: st.DrawFn) -> Listings:
    """Any such listings."""
    return random_listings(
        draw(st.integers(1, 40)), draw(st.integers(0, 10_000)), with_queries=draw(st.booleans())
    )
