"""The translations: complete, and with the same values in them."""

import ast
import re
from pathlib import Path
from string import Formatter
from typing import get_args

import vitrina
from vitrina.catalog.queries.clean_queries import QueryRejection
from vitrina.catalog.rejection import RejectionReason
from vitrina.config.parameters import RankingMetric
from vitrina.duplicates.summary import CHOSEN
from vitrina.health.reasons import Sentence
from vitrina.promotion.gate import ROLLED_BACK
from vitrina.promotion.verdict import DIFFERENCE, TIMES_AS_GOOD
from vitrina.reporting.content import EMBEDS
from vitrina.reporting.health_titles import COMPARED, TITLES
from vitrina.reporting.russian import RUSSIAN
from vitrina.reporting.sections import METRICS, VERDICTS, reason_name

LIBRARY = Path(vitrina.__file__).parent
SOURCES = [
    *(LIBRARY / "reporting").glob("*.py"),
    LIBRARY / "promotion" / "verdict.py",
    LIBRARY / "duplicates" / "summary.py",
]
PAGE = LIBRARY / "reporting" / "page" / "report.html.j2"
NO_WORDS = re.compile(r"[^\w]*")  # a blank or a sign that a text is put together with


def literals() -> set[str]:
    """The texts that are translated where they stand: the arguments of ``words(…)``."""
    found = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if is_call and node.func.id == "words" and node.args:
                given = node.args[0]
                branches = [given.body, given.orelse] if isinstance(given, ast.IfExp) else [given]
                found |= {one.value for one in branches if isinstance(one, ast.Constant)}
    pairs = re.findall(r"words\((?:\"([^\"]+)\"|'([^']+)')\)", PAGE.read_text("utf-8"))
    return found | {double or single for double, single in pairs}


def named() -> set[str]:
    """The texts that a table or an enumeration names."""
    metrics = (name.replace("_", " ") for name in get_args(RankingMetric))
    reasons = (reason_name(reason) for reason in [*RejectionReason, *QueryRejection])
    tables = (METRICS, VERDICTS, EMBEDS, TITLES, COMPARED, CHOSEN)
    texts = (text for one in tables for text in one.values())
    return {ROLLED_BACK, TIMES_AS_GOOD, DIFFERENCE, *metrics, *reasons, *Sentence, *texts}


def test_every_text_has_a_translation() -> None:
    """Of those that stand in the code and on the page, and of names and reasons."""
    texts = {text for text in literals() | named() if not NO_WORDS.fullmatch(text)}
    assert len(texts) > 150
    assert sorted(texts - RUSSIAN.keys()) == []


def test_a_translation_takes_the_same_values() -> None:
    """A text with {names} and its translation have the same ones."""
    for english, russian in RUSSIAN.items():
        fields = [
            sorted(name for _, name, _, _ in Formatter().parse(text) if name)
            for text in (english, russian)
        ]
        assert fields[0] == fields[1], english
