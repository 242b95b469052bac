"""How long to wait before the next attempt."""

import math
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0  # seconds


def backoff(failures: int) -> float:
    """Seconds to wait after that many failures in a row: exponential, with jitter."""
    longest = min(FIRST_WAIT * 2 ** min(failures - 1, 16), LONGEST_WAIT)
    return random.uniform(longest / 2, longest)


def retry_after(header: str, now: datetime, longest: float) -> float | None:
    """The seconds, at most ``longest``, that a Retry-After header asks for; None if it has none.

    The header is a number of seconds or a date.
    """
    try:
        seconds = float(header)
    except ValueError:
        seconds = _seconds_until(header, now)
    return min(max(seconds, 0.0), longest) if math.isfinite(seconds) else None


def _seconds_until(date: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
