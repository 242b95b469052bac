"""Which candidate pairs are duplicates: a least cosine for each class, chosen on known ones.

Known duplicates have an equal value in a group column. Without one they are listings with the same
title or the same image, and every other pair counts as wrong, so that the precision is a lower
bound (docs/how-to/duplicates.md).
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import IsotonicRegression

from vitrina.catalog.row_keys import Keys
from vitrina.config.duplicates import DuplicatesConfig
from vitrina.duplicates.known import Kind
from vitrina.duplicates.pairs import Pairs, Rows
from vitrina.duplicates.threshold import MIN_PRODUCTS, Judged, least_cosine
from vitrina.evaluation.shares import wilson_interval
from vitrina.results import Threshold

Mask = npt.NDArray[np.bool_]
Basis = Literal["held-out", "all"]


@dataclass(frozen=True)
class Evidence:
    """Candidate pairs with their kinds, and what is known of the table's rows.

    ``group`` int64 (rows,) names the product of a row, 0 where it is not known; None if there is no
    such column. ``product`` int64 (rows,) is a label of listings with one title or image. ``rows``
    are those that were compared: all but the copies of others.
    """

    pairs: Pairs
    kinds: npt.NDArray[np.int8]
    product: Rows
    held_out: Mask
    rows: Rows
    group: Keys | None

    @property
    def is_similar(self) -> Mask:
        """The pairs that share neither title nor image."""
        similar: Mask = self.kinds == Kind.SIMILAR
        return similar

    def judged(self, part: Mask) -> Judged:
        """All pairs; those whose truth is unknown, or with no row in the part, have no weight."""
        first, second = self.pairs.first, self.pairs.second
        weight = part[first].astype(np.float64) + part[second]
        right = ~self.is_similar
        if self.group is not None:
            right = self.group[first] == self.group[second]
            weight *= self._is_labelled * np.where(right, 1, self.wrong_per_right)
        product = self.product[np.where(part[first], first, second)]
        return Judged(self.pairs.cosine, right, weight, product)

    @property
    def _is_labelled(self) -> Mask:
        """The pairs of which both rows have a known group."""
        known = self._known
        both: Mask = known[self.pairs.first] & known[self.pairs.second]
        return both

    @property
    def _known(self) -> Mask:
        return np.zeros(0, np.bool_) if self.group is None else self.group != 0

    @cached_property
    def wrong_per_right(self) -> float:
        """How many wrong pairs a labelled wrong pair stands for, if a labelled right one is one.

        Where the group is known for whole products, a share q of them, it is known for a share q of
        the right pairs, but for q² of the wrong ones, whose rows are of two products. How often it
        is known is counted for right pairs on those that share a title or an image, and for wrong
        ones on the farther half of the others.
        """
        similar, known = self.is_similar, float(self._known[self.rows].mean())
        half = np.median(self.pairs.cosine[similar]) if similar.any() else 0
        of_right = self._share_labelled(~similar, known)
        of_wrong = self._share_labelled(similar & (self.pairs.cosine <= half), known**2)
        return of_right / of_wrong if of_wrong else 1.0

    def _share_labelled(self, chosen: Mask, otherwise: float) -> float:
        """The share of the chosen pairs that are labelled, unless they are too few to tell."""
        if len(np.unique(self.product[self.pairs.first[chosen]])) < MIN_PRODUCTS:
            return otherwise
        return float(self._is_labelled[chosen].mean())

    def weight_of_groups(self, part: Mask) -> int:
        """The weight of all pairs of the group column, candidates or not; copies are left out."""
        if self.group is None:
            return 0
        labelled = self.rows[self.group[self.rows] != 0]
        _, code, count = np.unique(self.group[labelled], return_inverse=True, return_counts=True)
        return int(((count[code] - 1) * part[labelled]).sum())


@dataclass(frozen=True)
class Judgement:
    """Which pairs are duplicates, and a score for each, NaN where nothing is known."""

    duplicates: Mask
    scores: npt.NDArray[np.float32]
    sharing: Threshold
    similar: Threshold
    recall: float | None


def judge(evidence: Evidence, floor: float, config: DuplicatesConfig) -> Judgement:
    """Choose the least cosine of each class of pairs; ``floor`` is that of the candidates."""
    is_similar, nothing = evidence.is_similar, np.zeros(len(evidence.pairs), np.bool_)
    if evidence.group is None:
        sharing = Threshold(cosine=floor, chosen="floor")
    else:
        of_sharing = Wish(config.precision, None, floor)
        sharing = choose(evidence, of_sharing, ~is_similar, nothing)
    of_similar = Wish(config.precision, config.cosine, config.default_cosine)
    surely = ~is_similar if evidence.group is None else nothing
    similar = choose(evidence, of_similar, is_similar, surely)
    least = np.where(is_similar, _or_infinite(similar.cosine), _or_infinite(sharing.cosine))
    duplicates = evidence.pairs.cosine >= least
    return Judgement(
        duplicates=duplicates,
        scores=_scores(evidence),
        sharing=sharing,
        similar=similar,
        recall=_recall(evidence, duplicates),
    )


class Wish(NamedTuple):
    """The precision that is wanted, a least cosine if the user gave one, and the default one."""

    precision: float
    given: float | None
    default: float


def choose(evidence: Evidence, wish: Wish, chosen: Mask, surely: Mask) -> Threshold:
    """The least cosine of the ``chosen`` pairs, and how precise the reported pairs are then.

    Reported are also those that ``surely`` are, whatever their cosine. The cosine is the given one,
    or else the one for the wanted precision on held-out products, or on all products if too few of
    those have known duplicates; the default one if too few of these have any.
    """
    judged, basis, known = _judged(evidence, chosen | surely)
    sure, open_ = judged[surely], judged[chosen]
    cosine: float | None = wish.default
    how: Literal["precision", "default", "given"] = "default"
    if wish.given is not None:
        cosine, how = wish.given, "given"
    elif known >= MIN_PRODUCTS:
        how = "precision"
        cosine = least_cosine(open_, wish.precision, float(sure.weight.sum()))
    reported = Judged.joined(sure, open_[open_.cosine >= _or_infinite(cosine)])
    threshold = Threshold(cosine=cosine, chosen=how, known_products=known)
    if not reported.weight.any():
        return threshold
    share = float(np.average(reported.right, weights=reported.weight))
    low, high = wilson_interval(share, reported.products)
    return threshold.model_copy(
        update={"basis": basis, "precision": share, "low": low, "high": high}
        | {"products": reported.products}
    )


def _judged(evidence: Evidence, chosen: Mask) -> tuple[Judged, Basis, int]:
    """All pairs as the held-out rows judge them, or all rows if too few of those know duplicates.

    Also the name of these rows, and how many products have known duplicates among the ``chosen``
    pairs.
    """
    judged = evidence.judged(evidence.held_out)
    known = judged[chosen & judged.right].products
    if known >= MIN_PRODUCTS:
        return judged, "held-out", known
    judged = evidence.judged(np.ones(len(evidence.product), np.bool_))
    return judged, "all", judged[chosen & judged.right].products


def _scores(evidence: Evidence) -> npt.NDArray[np.float32]:
    """The share of right pairs at about each pair's cosine; NaN unless a column tells them.

    It is never less at a higher cosine of the same class.
    """
    scores = np.full(len(evidence.pairs), np.nan, np.float32)
    if evidence.group is None:
        return scores
    is_similar = evidence.is_similar
    for chosen in (is_similar, ~is_similar):
        judged, _, known = _judged(evidence, chosen)
        if known >= MIN_PRODUCTS:
            use = chosen & (judged.weight > 0)
            regression = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
            regression.fit(judged.cosine[use], judged.right[use], judged.weight[use])
            scores[chosen] = regression.predict(judged.cosine[chosen])
    return scores


def _recall(evidence: Evidence, duplicates: Mask) -> float | None:
    """The share of the group column's pairs that are reported; None without enough of them."""
    if evidence.group is None:
        return None
    judged, basis, known = _judged(evidence, np.ones(len(evidence.pairs), np.bool_))
    if known < MIN_PRODUCTS:
        return None
    part = evidence.held_out if basis == "held-out" else np.ones(len(evidence.product), np.bool_)
    found = judged.weight[duplicates & judged.right].sum()
    return float(found / evidence.weight_of_groups(part))


def _or_infinite(cosine: float | None) -> float:
    return math.inf if cosine is None else cosine
