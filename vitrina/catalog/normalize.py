"""Normalize a listing's text to what a shopper reads: no markup, no invisible characters.

Markup is found with regular expressions rather than ``html.parser``, whose treatment of unfinished
tags differs between patch releases of Python: the same code would clean differently.
"""

import html
import re
import unicodedata
from html.entities import html5

MISSING = frozenset({"", "nan", "none", "null"})
MAX_LAYERS = 5  # a text escaped twice with markup in it takes three

# Plain Russian or English with single spaces: in NFC, and nothing to change.
_CHARACTER = r"""[0-9A-Za-zА-Яа-яЁё!"#$%'()*+,\-./:;=?@\[\\\]^_`{|}~>«»–—№…°“”„’]"""
_PLAIN = re.compile(f"{_CHARACTER}++(?: {_CHARACTER}++)*+")

# Comments, scripts and the like, dropped with their content; an unclosed one extends to the end of
# the text, as in a browser.
_DROPPED = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(script|style)\b[^<>]*+>.*?(?:</\1\s*>|\Z)"
    r"|<(?:!(?:doctype|\[cdata\[)|\?[a-z])[^<>]*+>",
    re.IGNORECASE | re.DOTALL,
)
_DROPPED_STARTS = ("<!", "<?", "<s", "<S", "<\u017f")  # the last is a long s: re ignores its case
# A quoted attribute may contain '>'; a tag with an unpaired quote ends at its first '>'.
_TAG = re.compile(r"""</?([a-zA-Z][a-zA-Z0-9:-]*+)(?:(?:"[^"<]*+"|'[^'<]*+'|[^<>"'])*+|[^<>]*+)>""")
_INLINE = re.compile(
    r"a|abbr|acronym|b|bd[io]|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|nobr|noindex|q|s|samp|"
    r"small|span|strike|strong|su[bp]|tt|u|var|wbr",
    re.IGNORECASE,
)
# HTML requires the semicolon. Five names are often written without it; accepting more of them that
# way would match parts of words.
_ENTITY = re.compile(
    r"&(?:amp;)*+"  # escaped more than once: &amp;amp;lt;
    r"(#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[a-zA-Z][a-zA-Z0-9]{1,31};|(?:lt|gt|amp|quot|nbsp)\b)?"
)
# Unicode categories Cc (except whitespace), Cf, Cs and Co, and letters without a glyph.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891"
    "\u08e2\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ud800-\uf8ff\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
# No language puts so many marks on a letter (UAX #15, stream-safe text); NFC sorts them in
# quadratic time. They are among the characters that are neither letters nor digits nor Latin.
MAX_MARKS, LONG_TEXT = 30, 2_000
_MAYBE_MARKS = re.compile(f"[^\\w\\s\x00-\u02ff]{{{MAX_MARKS + 1},}}")
_OPENING = re.compile("[<&]")
# A run of whitespace other than a single plain space.
_SPACES = re.compile(r"(?:[^\S ]|\u2800| (?=[\s\u2800]))[\s\u2800]*+")


def normalize_text(text: str) -> str:
    """The text in NFC, without HTML, control, zero-width and bidi characters, whitespace collapsed.

    Block tags such as ``<br>`` and ``<p>`` separate words, inline tags such as ``<b>`` do not; a
    ``<`` that does not open a tag stays. Escaped HTML counts as HTML, however often it was escaped.
    Markup whose removal gives new markup, layer by layer, is no listing's: from ``MAX_LAYERS`` on,
    the characters that could open it are removed. So the time is linear in the text's length.
    Never raises. Idempotent: ``normalize_text(normalize_text(text)) == normalize_text(text)``.
    """
    for _ in range(MAX_LAYERS):
        if _PLAIN.fullmatch(text):
            return text
        previous, text = text, _normalize_once(text)
        if text == previous:
            return text
    return _fixpoint(_OPENING.sub(" ", text))


def _fixpoint(text: str) -> str:
    """The normalized text of one without ``<`` and ``&``, which two rounds give."""
    return _normalize_once(_normalize_once(text))


def is_missing(text: str) -> bool:
    """Whether a normalized text is empty, or a word that exports write for null, such as "nan"."""
    return len(text) <= 4 and text.lower() in MISSING


def _normalize_once(text: str) -> str:
    text = nfc(text)
    if "<" in text:
        if any(start in text for start in _DROPPED_STARTS):
            text = _DROPPED.sub(" ", text)
        text = _TAG.sub(_tag_replacement, text)
    if "&" in text:
        text = _ENTITY.sub(_entity_character, text)
    text = _SPACES.sub(" ", INVISIBLE.sub("", text)).strip()
    return nfc(text)  # removals may have put combining characters next to letters


def nfc(text: str) -> str:
    """The text in NFC; a long one with at most ``MAX_MARKS`` combining marks on a letter."""
    if len(text) > LONG_TEXT:
        text = _MAYBE_MARKS.sub(_without_many_marks, text)
    return unicodedata.normalize("NFC", text)


def _without_many_marks(characters: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in characters[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MAX_MARKS:
            kept.append(character)
    return "".join(kept)


def _tag_replacement(tag: re.Match[str]) -> str:
    return "" if _INLINE.fullmatch(tag[1]) else " "


def _entity_character(entity: re.Match[str]) -> str:
    name = entity[1]
    if name is None:
        return "&"
    if name.startswith("#"):
        return html.unescape(f"&{name}")
    return html5.get(name if name.endswith(";") else f"{name};", f"&{name}")
