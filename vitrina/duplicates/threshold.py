"""The least cosine at which pairs are as precise as was asked for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vitrina.duplicates.pairs import Cosines, Rows

MIN_PRODUCTS = 30  # with known duplicates; fewer tell too little


@dataclass(frozen=True)
class Judged:
    """Pairs, and whether they are right, an element each.

    ``weight`` is 0 if it is not known whether a pair is right, else how many of its two rows are of
    the part that is looked at. So weighted, right and wrong pairs have the same ratio as in the
    whole catalogue: both rows of a right pair are in the part, as products are in one part only,
    while a wrong pair may have one row in it and the other elsewhere. ``product`` is that of a row
    in the part.
    """

    cosine: Cosines
    right: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float64]
    product: Rows

    def __getitem__(self, chosen: npt.NDArray[np.bool_]) -> "Judged":
        return Judged(
            self.cosine[chosen], self.right[chosen], self.weight[chosen], self.product[chosen]
        )

    @property
    def products(self) -> int:
        """The number of products of the pairs with a weight: they, not pairs, are independent."""
        return len(np.unique(self.product[self.weight > 0]))

    @classmethod
    def joined(cls, one: "Judged", other: "Judged") -> "Judged":
        """The pairs of both."""
        return cls(
            np.concatenate([one.cosine, other.cosine]),
            np.concatenate([one.right, other.right]),
            np.concatenate([one.weight, other.weight]),
            np.concatenate([one.product, other.product]),
        )


def least_cosine(judged: Judged, precision: float, sure: float = 0.0) -> float | None:
    """The least cosine from which on upwards at least ``precision`` of the weight is right.

    ``sure`` is the weight of right pairs that are reported in any case. None if no cosine suffices.
    """
    known = judged[judged.weight > 0]
    order = np.argsort(-known.cosine, kind="stable")
    cosine, weight = known.cosine[order], known.weight[order]
    total = sure + np.cumsum(weight)
    right = sure + np.cumsum(weight * known.right[order])
    is_last = np.diff(cosine, append=-np.inf) != 0  # equal cosines are reported together
    suffices = np.flatnonzero(is_last & (right >= precision * total - 1e-9))
    return float(cosine[suffices[-1]]) if len(suffices) else None
