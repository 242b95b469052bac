"""The choice of the least cosine, and what is said of its precision."""

from dataclasses import replace

import numpy as np
import pytest

from vitrina.config.duplicates import DuplicatesConfig
from vitrina.duplicates.judge import Evidence, judge
from vitrina.duplicates.known import Kind
from vitrina.duplicates.pairs import Pairs

PRODUCTS = 400
FLOOR = 0.5


def evidence(*, held_out: float = 1.0, sharing: int = 200, group: bool = False) -> Evidence:
    """Two listings of each product, and pairs of listings of different products.

    The first ``sharing`` products share a title, the others neither title nor image. Right pairs
    have cosines of 0.7 to 1, wrong ones of 0.5 to 0.9. All products are known if ``group``.
    """
    rng = np.random.default_rng(0)
    product = np.repeat(np.arange(PRODUCTS), 2)
    other = rng.permutation(PRODUCTS) * 2
    wrong = np.stack([other[:-1], other[1:] + 1])
    right = np.stack([np.arange(0, 2 * PRODUCTS, 2), np.arange(1, 2 * PRODUCTS, 2)])
    one, two = np.concatenate([right, wrong], axis=1)
    cosine = np.concatenate([rng.uniform(0.7, 1, PRODUCTS), rng.uniform(0.5, 0.9, PRODUCTS - 1)])
    kinds = np.full(len(cosine), Kind.SIMILAR, np.int8)
    kinds[:sharing] = Kind.TITLE
    part = rng.random(PRODUCTS) < held_out
    return Evidence(
        Pairs(*np.sort([one, two], axis=0).astype(np.int32), cosine.astype(np.float32)),
        kinds,
        product,
        part[product],
        np.arange(2 * PRODUCTS),
        product + 1 if group else None,
    )


CONFIG = DuplicatesConfig(precision=0.9)


def test_a_column_judges_both_classes() -> None:
    """The lowest cosines with the wanted precision, a recall, and scores between 0 and 1."""
    given = evidence(group=True)
    judgement = judge(given, FLOOR, CONFIG)
    assert judgement.sharing.cosine == pytest.approx(0.7, abs=0.02), (
        "all that share a title are right"
    )
    reported = judgement.duplicates & given.is_similar
    right = given.product[given.pairs.first] == given.product[given.pairs.second]
    similar = judgement.similar
    assert similar.precision == pytest.approx(right[reported].mean())
    assert similar.low < 0.9 <= similar.precision < similar.high
    assert judgement.similar.basis == "held-out"
    assert judgement.recall == pytest.approx(right[judgement.duplicates].sum() / PRODUCTS)
    assert ((judgement.scores >= 0) & (judgement.scores <= 1)).all()
    stricter = judge(given, FLOOR, CONFIG.model_copy(update={"precision": 0.99}))
    assert stricter.similar.cosine > judgement.similar.cosine
    assert stricter.recall < judgement.recall


def test_without_a_column_other_pairs_count_as_wrong() -> None:
    """Those with one title are reported, and of the others so few that the precision holds."""
    judgement = judge(evidence(), FLOOR, CONFIG)
    assert judgement.sharing.chosen == "floor"
    assert judgement.duplicates[:200].all()
    assert (judgement.duplicates[200:]).sum() == pytest.approx(200 / 9, abs=1)
    assert judgement.similar.precision == pytest.approx(0.9, abs=0.005)
    assert judgement.recall is None
    assert np.isnan(judgement.scores).all()


def test_too_few_known_duplicates_cannot_tell() -> None:
    """The default is used, and the user's own cosine before that."""
    few = evidence(sharing=12)
    judgement = judge(few, FLOOR, CONFIG)
    assert (judgement.similar.chosen, judgement.similar.cosine) == ("default", 0.98)
    assert judgement.similar.known_products == 12
    given = judge(few, FLOOR, CONFIG.model_copy(update={"cosine": 0.8}))
    assert (given.similar.chosen, given.similar.cosine) == ("given", 0.8)


def test_all_products_judge_where_few_are_held_out() -> None:
    """And it is said."""
    assert judge(evidence(held_out=0.5), FLOOR, CONFIG).similar.basis == "held-out"
    assert judge(evidence(held_out=0.05), FLOOR, CONFIG).similar.basis == "all"


def test_a_column_that_contradicts_all_reports_none() -> None:
    """No cosine is high enough where every near pair is of different products."""
    given = evidence(group=True)
    apart = replace(given, group=np.arange(1, 2 * PRODUCTS + 1))
    apart.group[:120:2] = apart.group[1:120:2]  # type: ignore[index]  # sixty are right, the farthest
    apart.pairs.cosine[:60] = FLOOR
    judgement = judge(apart, FLOOR, CONFIG)
    assert judgement.sharing.cosine is None
    assert not judgement.duplicates[~given.is_similar].any()


@pytest.mark.parametrize("by_product", [True, False])
def test_precision_does_not_depend_on_how_many_are_labelled(by_product: bool) -> None:
    """Neither where whole products are labelled nor where single listings are."""
    given = evidence(group=True, sharing=200)
    truth = judge(given, FLOOR, CONFIG.model_copy(update={"cosine": 0.8})).similar.precision
    found = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        kept = rng.random(PRODUCTS if by_product else 2 * PRODUCTS) < 0.6
        kept = np.repeat(kept, 2) if by_product else kept
        part = replace(given, group=np.where(kept, given.group, 0))
        judgement = judge(part, FLOOR, CONFIG.model_copy(update={"cosine": 0.8}))
        found.append(judgement.similar.precision)
    assert np.mean(found) == pytest.approx(truth, abs=0.03)
