"""How sure a share is, such as a precision or an accuracy."""

import math

from vitrina.results import Interval

Z95 = 1.96  # of a normal distribution, two-sided


def wilson_interval(share: float, count: int) -> Interval:
    """The 95% interval of a share that was observed in ``count`` independent trials.

    After Wilson (1927): unlike the normal approximation's it stays within 0 and 1, and has a width
    where the share is 1.
    """
    squared = Z95**2 / count
    middle = (share + squared / 2) / (1 + squared)
    spread = Z95 / (1 + squared) * math.sqrt(share * (1 - share) / count + squared / (4 * count))
    return max(0.0, middle - spread), min(1.0, middle + spread)
