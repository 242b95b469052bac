"""Normalising a listing's text: what a shopper reads, without mark-up and invisible characters.

Mark-up is found by regular expressions and not by ``html.parser``: that one treats unfinished tags
differently from one patch release of Python to the next; equal code would clean differently.
"""

import html
import re
import unicodedata
from html.entities import html5

MISSING = frozenset({"", "nan", "none", "null"})

# Russian or English with single spaces: nothing in it to change, and NFC already.
_CHARACTER = r"""[0-9A-Za-zА-Яа-яЁё!"#$%'()*+,\-./:;=?@\[\\\]^_`{|}~>«»–—№…°“”„’]"""
_PLAIN = re.compile(f"{_CHARACTER}++(?: {_CHARACTER}++)*+")

# What is dropped with all it holds. One left open reaches to the end, as in a browser.
_DROPPED = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(script|style)\b[^<>]*+>.*?(?:</\1\s*>|\Z)"
    r"|<(?:!(?:doctype|\[cdata\[)|\?[a-z])[^<>]*+>",
    re.IGNORECASE | re.DOTALL,
)
# A quoted attribute may hold '>'; a tag with an odd number of quotes ends at its first '>'.
_TAG = re.compile(r"""</?([a-zA-Z][a-zA-Z0-9:-]*+)(?:(?:"[^"<]*+"|'[^'<]*+'|[^<>"'])*+|[^<>]*+)>""")
_INLINE = re.compile(
    r"a|abbr|acronym|b|bd[io]|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|nobr|noindex|q|s|samp|"
    r"small|span|strike|strong|su[bp]|tt|u|var|wbr",
    re.IGNORECASE,
)
# HTML wants the semicolon. Five names are common without; more of them would eat into words.
_ENTITY = re.compile(
    r"&(?:amp;)*+"  # escaped several times over: &amp;amp;lt;
    r"(#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[a-zA-Z][a-zA-Z0-9]{1,31};|(?:lt|gt|amp|quot|nbsp)\b)?"
)
# Unicode's categories Cc (spaces excepted), Cf, Cs and Co, and the letters that draw nothing.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891"
    "\u08e2\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ud800-\uf8ff\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
# A run of spaces that is not one plain space already.
_SPACES = re.compile(r"(?:[^\S ]|\u2800| (?=[\s\u2800]))[\s\u2800]*+")


def normalize_text(text: str) -> str:
    """The text in NFC, without HTML, control, zero-width and bidi characters, spaces folded.

    Tags of blocks such as ``<br>`` and ``<p>`` part words, inline ones such as ``<b>`` do not; a
    ``<`` that opens no tag stays. Escaped HTML is HTML, however often it was escaped. Never raises;
    ``normalize_text(normalize_text(text)) == normalize_text(text)``.
    """
    previous = None
    while text != previous and not _PLAIN.fullmatch(text):
        previous, text = text, _once(text)
    return text


def is_missing(text: str) -> bool:
    """Whether a normalised text says nothing: empty, or the word that an export wrote for null."""
    return len(text) <= 4 and text.lower() in MISSING


def _once(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if "<" in text:
        text = _TAG.sub(_space_of_tag, _DROPPED.sub(" ", text))
    if "&" in text:
        text = _ENTITY.sub(_character_of_entity, text)
    text = _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip()
    return unicodedata.normalize("NFC", text)  # what was apart may have met


def _space_of_tag(tag: re.Match[str]) -> str:
    return "" if _INLINE.fullmatch(tag[1]) else " "


def _character_of_entity(entity: re.Match[str]) -> str:
    name = entity[1]
    if name is None:
        return "&"
    if name.startswith("#"):
        return html.unescape(f"&{name}")
    return html5.get(name if name.endswith(";") else f"{name};", f"&{name}")
