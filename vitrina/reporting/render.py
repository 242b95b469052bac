"""Render tables on a terminal and in Markdown."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

NO_WRAP = 10_000  # characters per line, more than any path has
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~$-])")


@dataclass(frozen=True)
class Section:
    """A table with a title: column names (all empty: no header row) and cells as text."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def terminal() -> Console:
    """A console on standard output; lines wrap only on a terminal, so programs read whole paths."""
    console = Console()
    return console if console.is_terminal else Console(width=NO_WRAP)


def terminal_table(section: Section) -> Table:
    """A section for ``rich.console.Console.print``.

    With a header row, all columns but the first hold numbers and are right-aligned. On a narrow
    terminal an interval wraps below its number.
    """
    has_header = any(section.header)
    title = f"\n{section.title}"
    table = Table(title=title, title_justify="left", title_style="bold", box=None)
    table.show_header, table.pad_edge = has_header, False
    for index, name in enumerate(section.header):
        is_number = has_header and index > 0
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in section.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def markdown(headline: str, sections: Sequence[Section]) -> str:
    """A line and the sections as Markdown tables."""
    tables = (f"## {one.title}\n\n{markdown_table(one)}" for one in sections)
    return "\n\n".join([headline, *tables]).lstrip() + "\n"


def plain_markdown(text: str) -> str:
    """Markdown that shows a text as it is, on one line, whatever it holds."""
    return MARKDOWN.sub(r"\\\1", html.escape(" ".join(text.split())))


def markdown_table(section: Section) -> str:
    """A section's table, without its title."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    alignment = "---:" if any(section.header) else "---"
    rule = line(["---"] + [alignment] * (len(section.header) - 1))
    return "\n".join([line(section.header), rule, *map(line, section.rows)])
