"""How long the next attempt is waited for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitrina.images.fetch import retry
from vitrina.images.fetch.retry import backoff, retry_after

NOW = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5),
        ("0.5", 0.5),
        ("-3", 0),
        ("100000", 60),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2026 10:28:30 +0300", 30),
        ("Wed, 21 Oct 2026 07:28:30 -0000", 30),
        ("Wed, 21 Oct 2020 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2096 07:28:00 GMT", 60),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("1e999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    """Never longer than the limit, and nothing where it says nothing."""
    assert retry_after(header, NOW, longest=60) == seconds


@given(st.text())
def test_any_header_is_read(header: str) -> None:
    """Whatever a server sends."""
    seconds = retry_after(header, NOW, longest=60)
    assert seconds is None or 0 <= seconds <= 60


def test_waits_grow_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wait is half to once a power of two; far too many failures are no overflow."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.5)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 10.0)
    for failures, longest in [(1, 0.5), (2, 1), (3, 2), (6, 10), (100_000, 10)]:
        assert longest / 2 <= backoff(failures) <= longest
