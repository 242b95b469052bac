"""Sections as Markdown and on a terminal."""

import io

from rich.console import Console

from vitrina.reporting.render import Section, markdown, plain_markdown, terminal_table


def test_markdown_tables_survive_any_cell() -> None:
    """A bar in a cell does not open a column."""
    text = markdown("first line", [Section("Rows", ("", "rows"), [("a|b", "1"), ("c", "2")])])
    lines = text.strip().splitlines()
    assert lines[:3] == ["first line", "", "## Rows"]
    assert lines[4:6] == ["|  | rows |", "| --- | ---: |"]
    assert lines[6] == r"| a\|b | 1 |"


def test_a_terminal_shows_cells_as_they_are() -> None:
    """Square brackets in a title or a path are no markup, and a table without header has none."""
    console = Console(width=80, file=io.StringIO(), record=True)
    console.print(terminal_table(Section("Paths", ("", ""), [("report", "/store/[bold]/x")])))
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert lines == ["", "Paths", "report  /store/[bold]/x"]


def test_plain_text_in_markdown_is_no_markup() -> None:
    """Whatever it holds, on one line."""
    assert plain_markdown("<b>\n*x* [y](z)") == r"&lt;b&gt; \*x\* \[y\]\(z\)"
