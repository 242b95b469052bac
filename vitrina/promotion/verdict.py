"""The verdict on a new model, from how much better it ranks what is held out."""

import math
from statistics import NormalDist

from vitrina.config.evaluation import GateConfig
from vitrina.results import Comparison, Verdict
from vitrina.translate import Translate

POWER = 0.8  # the chance that the estimated number tells
MANY = 1_000_000  # more than anybody will hold out
ANY_MODEL = -1  # the margin that promotes any model

TIMES_AS_GOOD = "{metric} {before} → {after}, {gain} times as good"  # of a geometric mean rank
DIFFERENCE = "{metric} {before} → {after}, {gain}"  # of any other metric


def decide(comparison: Comparison, gate: GateConfig) -> tuple[Verdict, str]:
    """Whether the new model is better by more than the margin, and the reason with the numbers."""
    verdict = _verdict(comparison, gate)
    return verdict, reason(comparison, gate, verdict)


def reason(
    comparison: Comparison, gate: GateConfig, verdict: Verdict, words: Translate = str.format
) -> str:
    """The reason of a verdict, with the numbers."""
    return _numbers(comparison, gate, words) + _explanation(comparison, gate, verdict, words)


def _verdict(comparison: Comparison, gate: GateConfig) -> Verdict:
    low, high = comparison.interval
    if gate.margin == ANY_MODEL:
        return "promoted"
    if _are_alike(comparison):
        return "declined"
    if comparison.decisive < min_decisive(gate.confidence):
        return "cannot tell"
    if low > gate.margin:
        return "promoted"
    return "declined" if high < gate.margin else "cannot tell"


def _are_alike(comparison: Comparison) -> bool:
    """Whether no product is ranked differently; of one product that means nothing."""
    return comparison.decisive == 0 and comparison.held_out > 1


def min_decisive(confidence: float) -> int:
    """With fewer, even if all speak for one model, they might do so by chance (a sign test)."""
    return math.ceil(math.log2(2 / (1 - confidence)))


def more_held_out(comparison: Comparison, gate: GateConfig) -> float:
    """About how many more would tell, with 80% power; infinity if no number would.

    From the variance of the gain so far, if the gain is as large as it seems.
    """
    normal = NormalDist()
    quantiles = normal.inv_cdf((1 + gate.confidence) / 2) + normal.inv_cdf(POWER)
    distance = abs(comparison.gain - gate.margin)
    wanted = min_decisive(gate.confidence) / max(comparison.decisive, 1)
    if comparison.standard_error:
        precise = (quantiles * comparison.standard_error / distance) ** 2 if distance else math.inf
        wanted = max(wanted, precise)
    return max(comparison.held_out * (wanted - 1), 1)


def _numbers(comparison: Comparison, gate: GateConfig, words: Translate) -> str:
    low, high = comparison.interval
    figures = (comparison.current, comparison.candidate)
    changes = (comparison.gain, low, high)
    if comparison.metric.endswith("geometric_rank"):  # the gain is a logarithm
        text = TIMES_AS_GOOD
        before, after = (f"{figure:,.3g}" for figure in figures)
        gain, least, most = (f"{math.exp(change):.3g}" for change in changes)
    else:
        text = DIFFERENCE
        before, after = (f"{figure:.4f}" for figure in figures)
        gain, least, most = (f"{change:+.4f}" for change in changes)
    metric = words(comparison.metric.replace("_", " "))
    change = words(text, metric=metric, before=before, after=after, gain=gain)
    interval = words(
        " ({confidence} interval {low} to {high})",
        confidence=f"{gate.confidence:.0%}",
        low=least,
        high=most,
    )
    held_out = words(_HELD_OUT[_kind(comparison)], n=f"{comparison.held_out:,}")
    return f"{change}{interval if comparison.held_out > 1 else ''} {held_out}"


_HELD_OUT = {
    "product": "on {n} held-out product",
    "products": "on {n} held-out products",
    "query": "on {n} held-out query",
    "queries": "on {n} held-out queries",
}


def _kind(comparison: Comparison) -> str:
    of_queries = comparison.metric.startswith("unseen_")
    one, many = ("query", "queries") if of_queries else ("product", "products")
    return many if comparison.held_out > 1 else one


def _explanation(
    comparison: Comparison, gate: GateConfig, verdict: Verdict, words: Translate
) -> str:
    margin = words("; gate.margin is {margin}", margin=f"{gate.margin:g}") if gate.margin else ""
    if verdict == "promoted" or comparison.interval[1] < gate.margin:
        return margin
    if _are_alike(comparison):
        return margin + words(": the two models rank them alike")
    more = more_held_out(comparison, gate)
    if more > MANY:
        return margin + words(": the two models are too alike to tell")
    return margin + words(": about {more} more would tell", more=f"{_rounded(more):,}")


def _rounded(number: float) -> int:
    """Two significant digits, upwards: it is an estimate."""
    step = int(10 ** max(math.floor(math.log10(number)) - 1, 0))
    return math.ceil(number / step) * step
