"""Numbers and texts in the report's languages."""

import pytest

from vitrina.reporting.language import ENGLISH, Words, significant

RUSSIAN = Words("ru")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02041, "0.0204"), (20.5, "20.5"), (999.6, "1,000"), (1234.4, "1,234"), (1, "1.00")],
)
def test_three_significant_digits(value: float, text: str) -> None:
    """Trailing zeros are kept, thousands separated."""
    assert significant(value) == text


def test_russian_numbers() -> None:
    """A comma before the decimals and a no-break space between thousands; signs stay."""
    assert RUSSIAN.number("1,234.5 (0.56–0.76)") == "1\u00a0234,5 (0,56–0,76)"
    assert RUSSIAN.count(1_234_567) == "1\u00a0234\u00a0567"
    assert RUSSIAN.number("a, b") == "a, b"


def test_times_read_well() -> None:
    """Seconds, minutes, hours."""
    assert [ENGLISH.duration(time) for time in (3.14159, 61.2, 7_300)] == [
        *("3.14 s", "1 min 1 s", "2 h 1 min"),
    ]
    assert RUSSIAN.duration(61) == "1 мин 1 с"


def test_a_text_without_translation_stays() -> None:
    """Such as the name of a category, whatever it holds."""
    assert RUSSIAN("{title} Дом") == "{title} Дом"
    assert RUSSIAN("rank {rank}", rank=3) == "ранг 3"
