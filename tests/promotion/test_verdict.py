"""The verdict and its words, from the numbers of a comparison."""

import pytest

from tests.support.comparison import comparison
from vitrina.config.evaluation import GateConfig
from vitrina.promotion.verdict import decide, min_decisive, more_held_out

GATE = GateConfig(metric="mean_recall_at_1")


def test_a_surely_better_model_is_promoted_with_its_numbers() -> None:
    """The whole interval lies above the margin."""
    verdict, reason = decide(comparison(), GATE)
    assert verdict == "promoted"
    assert reason == (
        "mean recall at 1 0.1000 → 0.7000, +0.6000 (95% interval +0.5000 to +0.7000) "
        "on 100 held-out products"
    )


def test_a_rank_is_better_by_a_factor() -> None:
    """The gain of a geometric rank is the logarithm of the ratio."""
    ranks = comparison(
        metric="mean_geometric_rank",
        current=226,
        candidate=101,
        gain=0.8055,
        interval=(0.6931, 0.9163),
    )
    verdict, reason = decide(ranks, GateConfig())
    assert verdict == "promoted"
    assert reason == (
        "mean geometric rank 226 → 101, 2.24 times as good (95% interval 2 to 2.5) "
        "on 100 held-out products"
    )


def test_a_surely_worse_model_is_declined() -> None:
    """The whole interval lies below the margin."""
    verdict, reason = decide(comparison(gain=-0.02, interval=(-0.03, -0.01)), GATE)
    assert verdict == "declined"
    assert "-0.0200 (95% interval -0.0300 to -0.0100)" in reason


def test_an_interval_around_the_margin_tells_nothing_but_how_many_would() -> None:
    """2.8 standard errors must fit into the gain: twice the products if it is 1.98 of them."""
    unclear = comparison(gain=0.0198, interval=(-0.001, 0.04), standard_error=0.01, held_out=400)
    verdict, reason = decide(unclear, GATE)
    assert verdict == "cannot tell"
    assert more_held_out(unclear, GATE) == pytest.approx(400, rel=0.02)
    assert reason.endswith("on 400 held-out products: about 410 more would tell")


def test_the_margin_must_be_exceeded_by_the_whole_interval() -> None:
    """Surely better than 0, but perhaps not by the margin; surely not by a larger one."""
    better = comparison(gain=0.02, interval=(0.01, 0.03), standard_error=0.005)
    assert decide(better, GATE)[0] == "promoted"
    verdict, reason = decide(better, GATE.model_copy(update={"margin": 0.015}))
    assert verdict == "cannot tell"
    assert "gate.margin is 0.015: about" in reason
    verdict, reason = decide(better, GATE.model_copy(update={"margin": 0.05}))
    assert verdict == "declined"
    assert reason.endswith("; gate.margin is 0.05")


def test_a_margin_of_minus_one_promotes_any_model() -> None:
    """Also one that is the same, worse, or measured on one product."""
    gate = GATE.model_copy(update={"margin": -1})
    for changes in (
        {"gain": 0, "interval": (0, 0), "decisive": 0},
        {"gain": -1, "interval": (-1, -1)},
        {"held_out": 1, "interval": (0, 0), "standard_error": 0, "decisive": 1},
    ):
        assert decide(comparison(**changes), gate)[0] == "promoted"


def test_models_that_rank_all_products_alike_are_not_told_apart_by_more() -> None:
    """The new model is declined, and no number of products is named."""
    same = comparison(gain=0, interval=(0, 0), standard_error=0, decisive=0)
    verdict, reason = decide(same, GATE)
    assert verdict == "declined"
    assert reason.endswith("held-out products: the two models rank them alike")


def test_models_that_are_as_good_as_each_other_are_too_alike_to_tell() -> None:
    """A gain of nothing needs infinitely many products."""
    verdict, reason = decide(comparison(gain=0, interval=(-0.1, 0.1)), GATE)
    assert verdict == "cannot tell"
    assert reason.endswith("the two models are too alike to tell")


@pytest.mark.parametrize("products", [1, 2, 3, 5])
def test_a_handful_of_products_tells_nothing_even_if_they_agree(products: int) -> None:
    """A bootstrap of equal gains has no width; as many coins agree by chance too."""
    agreeing = comparison(
        gain=1,
        interval=(1, 1) if products > 1 else (0, 0),
        standard_error=0,
        held_out=products,
        decisive=products,
    )
    verdict, reason = decide(agreeing, GATE)
    assert verdict == "cannot tell"
    assert reason.endswith(f": about {6 - products} more would tell")
    assert (
        decide(
            agreeing.model_copy(update={"held_out": 6, "decisive": 6, "interval": (1, 1)}),
            GATE,
        )[0]
        == "promoted"
    )


def test_fewer_products_decide_at_less_confidence() -> None:
    """All of n products agree by chance in one of 2 ** (n - 1) cases."""
    assert [min_decisive(one) for one in (0.5, 0.9, 0.95, 0.99)] == [2, 5, 6, 8]
