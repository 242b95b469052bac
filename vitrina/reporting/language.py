"""The report's languages: a text stands in the code in English, its translation in a dictionary."""

import re
from dataclasses import dataclass

from vitrina.config.report import Language
from vitrina.reporting.russian import RUSSIAN

NO_BREAK_SPACE = "\u00a0"


@dataclass(frozen=True)
class Words:
    """Texts and numbers in one language."""

    language: Language = "en"

    def __call__(self, text: str, **values: object) -> str:
        """The text in this language, with ``{name}`` replaced by the value of that name.

        A text without a translation stays English: names of columns and categories have none.
        """
        if self.language == "ru":
            text = RUSSIAN.get(text, text)
        return text.format(**values) if values else text

    def number(self, text: str) -> str:
        """A text with numbers such as 1,234.5 as this language writes them."""
        if self.language == "en":
            return text
        grouped = re.sub(r"(?<=\d),(?=\d{3})", NO_BREAK_SPACE, text)
        return re.sub(r"(?<=\d)\.(?=\d)", ",", grouped)

    def count(self, number: int) -> str:
        """A whole number with separated thousands."""
        return self.number(f"{number:,}")

    def share(self, share: float) -> str:
        """A share of 1 as a percentage."""
        return self.number(f"{share:.1%}")

    def significant(self, value: float, sign: str = "") -> str:
        """A number with three significant digits, and ``+`` before a positive one if asked for."""
        return self.number(significant(value, sign))

    def duration(self, seconds: float) -> str:
        """Seconds, or minutes and hours of a longer time."""
        if seconds < 60:
            return self("{n} s", n=self.significant(seconds))
        minutes, rest = divmod(round(seconds), 60)
        if minutes < 60:
            return self("{n} min {m} s", n=minutes, m=rest)
        return self("{n} h {m} min", n=minutes // 60, m=minutes % 60)


def significant(value: float, sign: str = "") -> str:
    """Three significant digits, trailing zeros kept: 0.0204, 20.5, 1,234."""
    if value == 0:
        return "0"
    if abs(float(f"{value:.3g}")) >= 1_000:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}#.3g}".rstrip(".")


ENGLISH = Words()
