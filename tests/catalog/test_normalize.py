"""Normalizing texts: what is removed, what stays, and that it is idempotent."""

import sys
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vitrina.catalog.normalize import is_missing, normalize_text

TAGS = ["<b>", "</p>", "<br/>", "<script>", "<!--", "<", ">"]
ENTITIES = ["&", "&lt;", "&amp;", "amp;", "&#60;", "&nbsp", ";"]
SIGNS = ["\u200b", "\u202e", "и", "\u0306", " ", "\t", "\u0338", "\u037e"]
PIECES = st.one_of(st.sampled_from([*TAGS, *ENTITIES, *SIGNS]), st.text(max_size=5))
CLOSINGS = st.sampled_from(["", ">", ";", "-->"])
WILD = st.lists(PIECES, max_size=30).map("".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Платье женское", "Платье женское"),
        ("  Платье \t\r\n женское\u00a0\u2003летнее ", "Платье женское летнее"),
        ("размер < 42 и > 40", "размер < 42 и > 40"),
        ("A<5, B>3, I <3 you", "A<5, B>3, I <3 you"),
        ("H&M, AT&T, R&D, Coffee&parade", "H&M, AT&T, R&D, Coffee&parade"),
        ("<p>Первый</p><p>Второй</p>", "Первый Второй"),
        ("хлопок<br>лён<br/>шёлк<BR />", "хлопок лён шёлк"),
        ("<b>Пл</b>атье <span class='a'>л</span>етнее", "Платье летнее"),
        ("<a href=\"/x?a=1>2\" title='b'>ссылка</a>", "ссылка"),
        ('<p class="x>текст</p>', "текст"),
        ("5&quot; &laquo;Экран&raquo; &#1040;&#x411;&nbsp;В", '5" «Экран» АБ В'),
        ("1 &lt 2 &amp 3", "1 < 2 & 3"),
        ("&lt;b&gt;жирный&lt;/b&gt;", "жирный"),
        ("&amp;amp;lt;br&amp;amp;gt;строка", "строка"),
        ("до<!-- <b>скрыто</b> -->после", "до после"),
        ("до<script>var a = '<p>';</script>после<style>p {}</style>", "до после"),
        ("обрыв <br", "обрыв <br"),
        ("и\u0306е\u0308", "йё"),
        ("не\u200bви\u00adди\u2060мо\ufeff", "невидимо"),
        ("и\u200d\u0306", "й"),
        ("\u202eслева\u202c\u200f", "слева"),
        ("\x00\x07Пла\x1bтье\x7f", "Платье"),
        ("&#8203;\u2800\u3164", ""),
        ("", ""),
    ],
)
def test_a_text_becomes_what_a_shopper_reads(text: str, expected: str) -> None:
    """Markup and invisible characters are removed; what only looks like markup stays."""
    assert normalize_text(text) == expected


@pytest.mark.parametrize("text", ["", "nan", "NaN", "NAN", "None", "null", "NULL"])
def test_words_that_exports_write_for_null_are_missing(text: str) -> None:
    """Any case of nan, None and null counts as no text."""
    assert is_missing(normalize_text(f" \u200b<b>{text}</b>&nbsp;"))


@pytest.mark.parametrize("text", ["nano", "0", "-", "nan nan", "Nonetheless"])
def test_other_short_texts_are_not_missing(text: str) -> None:
    """Only the whole text counts."""
    assert not is_missing(normalize_text(text))


def test_every_control_and_format_character_is_removed() -> None:
    """The ranges in the code cover Unicode's own categories."""
    unwanted = {"Cc", "Cf", "Cs", "Co"}
    kept = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in unwanted
        and normalize_text(f"а{chr(code)}б") not in ("аб", "а б")
    ]
    assert kept == []


@given(WILD)
@example("&amp;lt;b&gt;")
@example("<\u0338b>")
@example("&lt\u037eb>")
def test_a_second_time_changes_nothing(text: str) -> None:
    """Normalizing is idempotent for any text."""
    once = normalize_text(text)
    assert normalize_text(once) == once


@given(WILD)
def test_the_result_is_clean(text: str) -> None:
    """NFC, printable, and single spaces inside."""
    clean = normalize_text(text)
    assert unicodedata.is_normalized("NFC", clean)
    assert not {unicodedata.category(c) for c in clean} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert clean == " ".join(clean.split())


def seconds(text: str) -> float:
    """The least of three times that normalizing takes."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        normalize_text(text)
        times.append(time.thread_time() - start)
    return min(times)


def nested(opening: str, closing: str, length: int) -> str:
    """``opening`` many times, then ``closing`` as many times."""
    depth = length // max(len(opening) + len(closing), 1)
    return opening * depth + "x" + closing * depth


HOSTILE = [
    ("<b", ">"),
    ("<", ">"),
    ("<a <a", ""),
    ("<a '", "'>"),
    ("<!--", ""),
    ("<!-- <", "-->"),
    ("<script>", "</script "),
    ("<ſcript ", ">"),
    ("&amp;", ""),
    ("&#38;", ""),
    ("&", "amp;amp;"),
    ("&", "#38;"),
    ("&am", "p;"),
    ("&lt;b", "&gt;"),
    ("&#3", "8;"),
    ("\u0323\u0301", ""),  # NFC sorts marks in quadratic time
    ("\u05b1\u05b0\u200b", ""),
    (" \u2800", ""),
]


@pytest.mark.parametrize(("opening", "closing"), HOSTILE)
def test_a_megabyte_of_unfinished_markup_takes_less_than_a_second(
    opening: str, closing: str
) -> None:
    """However it is nested: no pattern backtracks, and layers are not taken off one by one."""
    assert seconds(nested(opening, closing, 1_000_000)) < 1


@given(st.lists(PIECES, min_size=1, max_size=6).map("".join), CLOSINGS)
@example("<b", ">")
@example("&#38;#3", "8;")
@example("a\u0323\u0301", "")
@settings(max_examples=25, deadline=None)
def test_twice_the_text_takes_about_twice_the_time(opening: str, closing: str) -> None:
    """Quadratic time would be four times as much."""
    short, long = (nested(opening, closing, length) for length in (40_000, 80_000))
    assert seconds(long) < max(3 * seconds(short), 0.03)


@given(st.lists(PIECES, max_size=6).map("".join), CLOSINGS)
@settings(max_examples=200, deadline=None)
def test_a_hostile_text_is_clean_and_stays_as_it_is(opening: str, closing: str) -> None:
    """Also where its layers are not taken off one by one."""
    once = normalize_text(nested(opening, closing, 400))
    assert normalize_text(once) == once


def test_layers_that_a_shop_may_have_are_all_removed() -> None:
    """Escaped twice by different programs, with markup in it; only beyond that '<' and '&' go."""
    assert normalize_text("&#38;lt;b&#38;gt;жир&amp;amp;lt;/b&amp;amp;gt;") == "жир"
    assert normalize_text(nested("<b", ">", 300)).count("<") == 0
