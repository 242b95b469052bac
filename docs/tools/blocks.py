"""The fenced blocks of Markdown pages, and the commands in those of bash: what the tests run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

MARK = re.compile(r"<!--\s*test:\s*(.*?)\s*-->", re.DOTALL)
OPERATORS = frozenset({"|", "||", "&&", ";", "&"})
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``mark`` is the text of a comment ``<!-- test: … -->`` right before it."""

    page: Path
    line: int  # of its first line, counted from 1
    language: str
    text: str
    mark: str


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, those in lists too."""
    mark = ""
    for token in MarkdownIt("commonmark").parse(page.read_text("utf-8")):
        if token.type == "html_block":
            found = MARK.search(token.content)
            mark = found[1] if found else ""
        elif token.type == "fence":
            assert token.map is not None
            language = (token.info.split() or [""])[0]
            yield Block(page, token.map[0] + 2, language, token.content, mark)
            mark = ""
        elif token.nesting >= 0 and token.type != "inline":
            mark = ""


def commands(text: str) -> list[list[str]]:
    """The simple commands of a bash text as words, without variables that are set before them.

    Raises ValueError for a quotation mark that is not closed.
    """
    found: list[list[str]] = []
    pending = ""
    for line in text.splitlines():
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1] + " "
            continue
        try:
            words = _words(pending)
        except ValueError:  # a text in quotes goes on in the next line
            pending += "\n"
            continue
        found += _split(words)
        pending = ""
    if pending:
        raise ValueError(f"not closed: {pending[:80]!r}")
    return found


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;")
    lexer.whitespace_split = True
    return list(lexer)


def _split(words: list[str]) -> list[list[str]]:
    """Words between operators, without leading assignments."""
    simple: list[list[str]] = [[]]
    for word in words:
        if word in OPERATORS:
            simple.append([])
        elif simple[-1] or not ASSIGNMENT.match(word):
            simple[-1].append(word)
    return [one for one in simple if one]
