"""Normalizing texts: what is removed, what stays, and that it is idempotent."""

import sys
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vitrina.catalog.normalize import is_missing, normalize_text

TAGS = ["<b>", "</p>", "<br/>", "<script>", "<!--", "<", ">"]
ENTITIES = ["&", "&lt;", "&amp;", "amp;", "&#60;", "&nbsp", ";"]
SIGNS = ["\u200b", "\u202e", "и", "\u0306", " ", "\t", "\u0338", "\u037e"]
PIECES = st.one_of(st.sampled_from([*TAGS, *ENTITIES, *SIGNS]), st.text(max_size=5))
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


@pytest.mark.parametrize("piece", ["<!--", '<a "', "<a '\"", "&amp;", "<script>", "<", "&", "&lt;"])
def test_a_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    """A hundred kilobytes of unfinished markup are quick: no pattern backtracks."""
    start = time.thread_time()
    normalize_text(piece * (100_000 // len(piece)))
    assert time.thread_time() - start < 1
