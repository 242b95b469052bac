"""Bootstrap over products: how far a held-out figure would be off with other products.

A replicate draws as many products as there are, with replacement; the listings of a product are
drawn together, because they are found or missed together. The draws depend on nothing but the
number of products, so two models are compared on the same ones: their difference is paired.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from vitrina.results import Interval

REPLICATES = 2_000  # of an interval that is shown
DECISIVE_REPLICATES = 10_000  # of an interval that decides
CHUNK = 2_000_000  # weights in memory at a time


def product_weights(
    products: npt.NDArray[np.int64], replicates: int
) -> Iterator[npt.NDArray[np.float32]]:
    """How often each row's product was drawn: float32 (part, rows), until there are ``replicates``.

    ``products`` (rows,): rows with equal values are of one product.
    """
    labels, product = np.unique(products, return_inverse=True)
    count = len(labels)
    random = np.random.default_rng(0)
    for first in range(0, replicates, step := max(CHUNK // count, 1)):
        size = min(step, replicates - first)
        drawn = random.integers(count, size=(size, count)) + np.arange(size)[:, None] * count
        drawn_times = np.bincount(drawn.ravel(), minlength=size * count).astype(np.float32)
        yield drawn_times.reshape(size, count)[:, product]


def percentile_interval(
    samples: npt.NDArray[np.float64], products: int, confidence: float = 0.95
) -> Interval:
    """The two-sided interval of a figure from its replicates, of which NaN do not count.

    The percentiles are those of the expanded percentile interval (Hesterberg, "What Teachers Should
    Know About the Bootstrap", 2015), which is not too narrow with few products. Raises ValueError
    for fewer than two products, which say nothing about others.
    """
    if products < 2:
        raise ValueError("one product has no interval")
    known = samples[~np.isnan(samples)]
    tail = expanded_tail(products, confidence)
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def expanded_tail(products: int, confidence: float) -> float:
    """The fraction of replicates to leave out at each end."""
    from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped]  # ships no types

    quantile = stdtrit(products - 1, (1 - confidence) / 2)
    return float(ndtr(np.sqrt(products / (products - 1)) * quantile))
